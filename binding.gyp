{
  "target_defaults": {
    "cflags": [
      "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fstack-protector-strong", "-O2",
      # The same source gives the same bytes, wherever it lies.
      "-ffile-prefix-map=<(module_root_dir)=.",
    ],
    "cflags!": ["-O3"],
    "ldflags": [
      "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack", "-Wl,--as-needed", "-Wl,--build-id=none", "-s",
    ],
    # On 64-bit machines it changes but one thing: fcntl becomes fcntl64, which neither musl nor an older glibc has.
    "conditions": [["target_arch in 'x64 arm64'", {"defines!": ["_FILE_OFFSET_BITS=64"]}]],
  },
  "targets": [
    {
      # Raw system calls and no C library: also for faces that have neither Node nor libc.
      "target_name": "core",
      "type": "static_library",
      "sources": [
        "native/core/answer.c",
        "native/core/cookie.c",
        "native/core/environment.c",
        "native/core/execute.c",
        "native/core/execvp.c",
        "native/core/explain.c",
        "native/core/helper.c",
        "native/core/inject.c",
        "native/core/inspect.c",
        "native/core/install.c",
        "native/core/launch.c",
        "native/core/prepare.c",
        "native/core/probe.c",
        "native/core/record.c",
        "native/core/spawn.c",
        "native/core/breakpoint.c",
        "native/core/notify.c",
        "native/core/trace.c",
      ],
      "cflags": ["-std=c11", "-fPIC", "-ffreestanding"],
    },
    {
      "target_name": "sandbox_run",
      "sources": ["native/addon.cc", "native/inspect.cc", "native/process.cc", "native/watch.cc"],
      "dependencies": ["core"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "native"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "_FORTIFY_SOURCE=2"],
      "cflags_cc": ["-fvisibility-inlines-hidden"],
      # Headers of others are not ours to warn about.
      "conditions": [["OS=='linux'", {"cflags_cc": ["-Wno-unused-parameter", "-Wno-cast-function-type"]}]],
    },
    {
      # Without Node and without a C library. Position-dependent, because nothing relocates it; code and constants in one
      # segment, because padding between segments would be most of the file on machines with large pages.
      "target_name": "sandbox-launch",
      "type": "executable",
      "sources": [
        "native/launcher.c",
        "native/core/breakpoint.c",
        "native/core/cookie.c",
        "native/core/environment.c",
        "native/core/execute.c",
        "native/core/execvp.c",
        "native/core/explain.c",
        "native/core/failure.c",
        "native/core/helper.c",
        "native/core/inject.c",
        "native/core/install.c",
        "native/core/launch.c",
        "native/core/memory.c",
        "native/core/names.c",
        "native/core/nearest.c",
        "native/core/payload.c",
        "native/core/prepare.c",
        "native/core/search.c",
        "native/core/spawn.c",
      ],
      "include_dirs": ["native"],
      "cflags!": ["-fstack-protector-strong", "-O2", "-O3"],
      "cflags": [
        "-std=c11", "-Os", "-ffreestanding", "-fno-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables",
        "-fno-tree-loop-distribute-patterns", "-ffunction-sections",
      ],
      "ldflags!": ["-Wl,-z,relro", "-Wl,-z,now", "-rdynamic"],
      "ldflags": [
        "-static", "-no-pie", "-nostdlib", "-Wl,--gc-sections", "-Wl,-z,noseparate-code", "-Wl,-z,norelro",
      ],
    },
    {
      # For LD_PRELOAD, under glibc and musl alike: so without any C library of its own.
      "target_name": "libsandbox",
      "type": "shared_library",
      "product_prefix": "lib",
      "product_dir": "<(PRODUCT_DIR)",
      "sources": [
        "native/preload.c",
        "native/core/cookie.c",
        "native/core/environment.c",
        "native/core/execute.c",
        "native/core/failure.c",
        "native/core/install.c",
        "native/core/memory.c",
        "native/core/names.c",
        "native/core/nearest.c",
      ],
      "include_dirs": ["native"],
      "cflags!": ["-fstack-protector-strong", "-O2", "-O3"],
      "cflags": [
        "-std=c11", "-Os", "-fPIC", "-ffreestanding", "-fno-stack-protector", "-fno-tree-loop-distribute-patterns",
        "-Wno-address",
      ],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["-nostdlib"],
    },
  ],
}
