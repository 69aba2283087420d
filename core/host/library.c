#include "host/library.h"

#include <dlfcn.h>
#include <string.h>

int neap_library_load(const char *file, const char *package, const struct neap_library_function *functions,
		      size_t count, struct neap_error **err)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		neap_error_set(err, "load %s: %s", file, dlerror());
		return neap_error_hint(err, "install the package %s", package);
	}
	for (size_t i = 0; i < count; i++) {
		void *symbol = dlsym(library, functions[i].name);

		if (!symbol)
			return neap_error_set(err, "load %s: it has no %s", file, functions[i].name);
		memcpy(functions[i].place, &symbol, sizeof(symbol));
	}
	return 0;
}
