/* Makes tar archives a header at a time, honest ones and others. Knows nothing of libarchive. */
#pragma once

#include <stdio.h>

#include "base/str.h"

#define TAR_UNUSED __attribute__((unused))

struct tar_header {
	const char *name;
	char type; /* '0' file, '1' hard link, '2' link, '3' device, '5' directory, '6' fifo, 'x' pax … */
	unsigned mode;
	const char *link;
	uint64_t size; /* as the header says; bytes follow separately */
};

/* Octal, NUL at the end; too large for octal: base 256. */
static void tar_number(char *field, size_t size, uint64_t number)
{
	if (number >> (3 * (size - 1)) == 0) {
		for (size_t i = size - 1; i-- > 0; number >>= 3)
			field[i] = (char)('0' + (number & 7));
		return;
	}
	for (size_t i = size; i-- > 0; number >>= 8)
		field[i] = (char)(number & 0xff);
	field[0] |= (char)0x80;
}

static void tar_sum(char header[512])
{
	unsigned sum = 0;

	memset(header + 148, ' ', 8);
	for (unsigned i = 0; i < 512; i++)
		sum += (unsigned char)header[i];
	tar_number(header + 148, 7, sum);
	header[154] = '\0';
}

TAR_UNUSED static void tar_header(struct neap_buf *buf, const struct tar_header *header)
{
	char block[512] = { 0 };
	size_t len = strlen(header->name);

	memcpy(block, header->name, len > 100 ? 100 : len);
	tar_number(block + 100, 8, header->mode ? header->mode : header->type == '5' ? 0755 : 0644);
	tar_number(block + 108, 8, 1000);
	tar_number(block + 116, 8, 1000);
	tar_number(block + 124, 12, header->size);
	tar_number(block + 136, 12, 1);
	block[156] = header->type;
	if (header->link)
		memcpy(block + 157, header->link, strnlen(header->link, 100));
	memcpy(block + 257, "ustar\00000", 8);
	tar_sum(block);
	neap_buf_append(buf, block, sizeof block);
}

TAR_UNUSED static void tar_bytes(struct neap_buf *buf, const void *bytes, size_t size)
{
	static const char zeros[512];

	neap_buf_append(buf, bytes, size);
	if (size % 512)
		neap_buf_append(buf, zeros, 512 - size % 512);
}

TAR_UNUSED static void tar_file(struct neap_buf *buf, const char *name, unsigned mode, const char *bytes)
{
	tar_header(buf,
		   &(struct tar_header){ .name = name, .type = '0', .mode = mode, .size = strlen(bytes) });
	tar_bytes(buf, bytes, strlen(bytes));
}

TAR_UNUSED static void tar_directory(struct neap_buf *buf, const char *name, unsigned mode)
{
	tar_header(buf, &(struct tar_header){ .name = name, .type = '5', .mode = mode });
}

TAR_UNUSED static void tar_link(struct neap_buf *buf, const char *name, const char *target)
{
	tar_header(buf, &(struct tar_header){ .name = name, .type = '2', .mode = 0777, .link = target });
}

TAR_UNUSED static void tar_hard(struct neap_buf *buf, const char *name, const char *target)
{
	tar_header(buf, &(struct tar_header){ .name = name, .type = '1', .link = target });
}

/* An extended header, "path=…", for what comes next. */
TAR_UNUSED static void tar_pax(struct neap_buf *buf, const char *key, const char *value)
{
	char record[9000];
	int len = 0, size = (int)(strlen(key) + strlen(value) + 3);

	do
		len = snprintf(record, sizeof record, "%d %s=%s\n", size, key, value);
	while (len != size && (size = len));
	tar_header(buf, &(struct tar_header){ .name = "pax", .type = 'x', .size = (uint64_t)len });
	tar_bytes(buf, record, (size_t)len);
}

TAR_UNUSED static void tar_end(struct neap_buf *buf)
{
	static const char zeros[1024];

	neap_buf_append(buf, zeros, sizeof zeros);
}
