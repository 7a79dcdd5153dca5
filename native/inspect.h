// Face 1's second part: reading another process's filters. The types of this boundary are in lib/native.ts.

#pragma once

#include <napi.h>

Napi::Value inspectFilters(const Napi::CallbackInfo &info);
