#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "libquant/core/progress.h"

namespace libquant::cli {

bool input_is_terminal();
bool errors_are_terminal();

/// Writes to standard error as it is; a closed one is no reason to stop a job.
void say(std::string_view text) noexcept;

/// Ctrl-C sets a flag that progress callbacks look at; a second one ends the program at once.
void install_interrupt_handler();
bool interrupted() noexcept;
/// Forgets a Ctrl-C that has been obeyed.
void clear_interrupt() noexcept;
/// Waits until standard input has something or has ended; false when Ctrl-C came first.
bool wait_for_input() noexcept;

/// One line on stderr that is rewritten as a job goes on: percent, what is being done, time left.
/// Silent unless stderr is a terminal or `force` is set (then a new line each time the percentage
/// changes). Its callback also stops the job on Ctrl-C.
class ProgressLine {
 public:
  explicit ProgressLine(bool force);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  ProgressCallback callback();
  /// Clears the line, so that other output starts at a fresh one.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void show(const Progress& progress);
  std::string remaining(const Progress& progress) const;

  bool terminal_, force_;
  bool started_ = false, drawn_ = false;
  int percent_ = -1;
  Clock::time_point begin_, last_;
  double begin_done_ = 0;
};

/// Columns aligned for people: the first to the left, the others to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "1.23 GB", "98.4 MB": powers of ten.
std::string bytes_text(double bytes);
/// "2 min 5 s", "8.2 s".
std::string seconds_text(double seconds);

}  // namespace libquant::cli
