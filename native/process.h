#ifndef SANDBOX_RUN_PROCESS_FACE_H
#define SANDBOX_RUN_PROCESS_FACE_H

#include <napi.h>

void addProcess(Napi::Env env, Napi::Object exports);

#endif
