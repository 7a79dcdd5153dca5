// What addon.cc takes from watch.cc.

#ifndef SANDBOX_RUN_WATCH_H
#define SANDBOX_RUN_WATCH_H

#include <napi.h>

/** Adds the functions for watching programs. */
void addWatching(Napi::Env env, Napi::Object exports);

#endif
