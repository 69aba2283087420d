#include "base/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static int load(struct neap_library *library, struct neap_error **err)
{
	void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
	bool all = handle;

	for (size_t i = 0; all && i < library->size / sizeof(void *); i++) {
		void *symbol = dlsym(handle, library->names[i]);

		all = symbol;
		memcpy((char *)library->functions + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	if (!all) {
		neap_error_set(err, "load %s: %s", library->file, dlerror());
		return neap_error_hint(err, "install the package %s", library->package);
	}
	atomic_store(&library->loaded, true);
	return 0;
}

int neap_library_load(struct neap_library *library, struct neap_error **err)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	int r;

	if (atomic_load(&library->loaded))
		return 0;
	pthread_mutex_lock(&one_at_a_time);
	r = atomic_load(&library->loaded) ? 0 : load(library, err);
	pthread_mutex_unlock(&one_at_a_time);
	return r;
}
