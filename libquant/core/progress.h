#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace libquant {

/// One step of a long job. `done` and `total` are in units of work (tokens, bytes, FLOPs), so that
/// done/total is a fair share of the time; `stage` names what is being done, for people.
struct Progress {
  std::string_view stage;
  double done = 0;
  double total = 0;
};

/// Called from the calling thread only. Return false to stop the job: it ends with `Interrupted`,
/// leaving on disk what is needed to resume.
using ProgressCallback = std::function<bool(const Progress&)>;

}  // namespace libquant
