/* What a fuzz target is: one function, called with any bytes. It aborts when what it holds about them is not
 * so. libFuzzer calls it (preset fuzz), and replay.c with the files of the corpus. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition) ((condition) ? (void)0 : abort())
