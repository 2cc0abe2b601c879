#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "libquant/core/error.h"
#include "libquant/core/progress.h"

namespace libquant {

/// Adds up finished work and reports it; the callback's "no" becomes Interrupted.
class ProgressMeter {
 public:
  ProgressMeter(ProgressCallback callback, double total)
      : callback_(std::move(callback)), total_(total) {}

  void stage(std::string name) { stage_ = std::move(name); }
  std::string_view stage() const noexcept { return stage_; }
  void add(double work) {
    done_ = std::min(done_ + work, total_);
    report();
  }
  /// What is finished by now, however much of it was reported.
  void advance_to(double work) {
    done_ = std::min(work, total_);
    report();
  }
  /// A part of the job that reports its own share, as a callback worth `work`; called `stage`, or
  /// what the part calls itself.
  ProgressCallback part(double work, std::string stage = "") {
    const double begin = done_;
    return [this, begin, work, stage = std::move(stage)](const Progress& inner) {
      const double share = inner.total > 0 ? std::clamp(inner.done / inner.total, 0.0, 1.0) : 0.0;
      done_ = std::min(begin + work * share, total_);
      const std::string_view name = stage.empty() ? inner.stage : std::string_view(stage);
      return !callback_ || callback_({name, done_, total_});
    };
  }

 private:
  void report() const {
    if (callback_ && !callback_({stage_, done_, total_}))
      fail<Interrupted>("stopped while {}", stage_);
  }

  ProgressCallback callback_;
  double total_;
  double done_ = 0;
  std::string stage_ = "starting";
};

}  // namespace libquant
