// The probes as a C library, for programs in other languages: see onnxruntime_peer.py.

#include <memory>

#include "benchmarks/paired.h"
#include "kernels/threads.h"

using namespace libquant::benchmarks;

namespace {

struct Probes {
  ColdMemory memory;
  ProbeRun read, int8;
};

}  // namespace

extern "C" {

/// Probes on `threads` threads, reading `bytes` at a time out of `megabytes`; nullptr on failure.
void* probes_open(int threads, unsigned long megabytes, unsigned long bytes) {
  try {
    libquant::kernels::set_thread_count(threads);
    auto* probes = new Probes{ColdMemory(megabytes << 20), {}, {}};
    probes->read =
        read_run(*fastest_patterns(probes->memory, bytes, 1).front(), probes->memory, bytes);
    for (const char* name : {"int8_avx512vnni", "int8_avxvnni", "maddubs_avx2", "int8_neondot"})
      if (const ComputeProbe* probe = find_compute_probe(name);
          probe != nullptr && !probes->int8.run)
        probes->int8 = compute_run(*probe, 0.5e-3, true);
    return probes;
  } catch (...) {
    return nullptr;
  }
}

/// Bytes read, or operations done, by one run.
double probes_read(void* probes) { return static_cast<Probes*>(probes)->read.run(); }
double probes_int8(void* probes) { return static_cast<Probes*>(probes)->int8.run(); }
void probes_close(void* probes) { delete static_cast<Probes*>(probes); }
}
