#include "libquant/cli/console.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <utility>

namespace libquant::cli {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void on_interrupt(int signal) {
  if (stop_requested != 0) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  stop_requested = 1;
}

}  // namespace

bool input_is_terminal() { return isatty(STDIN_FILENO) != 0; }
bool errors_are_terminal() { return isatty(STDERR_FILENO) != 0; }

void say(std::string_view text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void install_interrupt_handler() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

bool interrupted() noexcept { return stop_requested != 0; }
void clear_interrupt() noexcept { stop_requested = 0; }

bool wait_for_input() noexcept {
  // In turns, because a signal that comes just before the call does not end it.
  constexpr int kTurnMilliseconds = 200;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (!interrupted())
    if (poll(&input, 1, kTurnMilliseconds) > 0) return true;
  return false;
}

ProgressLine::ProgressLine(bool force) : terminal_(errors_are_terminal()), force_(force) {}

ProgressLine::~ProgressLine() { clear(); }

ProgressCallback ProgressLine::callback() {
  return [this](const Progress& progress) {
    show(progress);
    return !interrupted();
  };
}

void ProgressLine::clear() {
  if (drawn_) say("\r\033[K");
  drawn_ = false;
}

std::string ProgressLine::remaining(const Progress& progress) const {
  const double done = progress.done - begin_done_;
  const double elapsed = std::chrono::duration<double>(Clock::now() - begin_).count();
  if (done <= 0 || elapsed < 2) return "";
  return ", " + seconds_text(elapsed * (progress.total - progress.done) / done) + " left";
}

void ProgressLine::show(const Progress& progress) {
  if (!terminal_ && !force_) return;
  const auto now = Clock::now();
  if (!std::exchange(started_, true)) {
    begin_ = now;
    begin_done_ = progress.done;
  }
  const int percent =
      progress.total > 0 ? static_cast<int>(100 * progress.done / progress.total) : 0;
  if (terminal_) {
    if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
    say(fmt::format("\r\033[K[{:3}%] {}{}", percent, progress.stage, remaining(progress)));
    drawn_ = true;
  } else if (percent != percent_) {
    say(fmt::format("[{:3}%] {}{}\n", percent, progress.stage, remaining(progress)));
  }
  percent_ = percent;
  last_ = now;
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c)
      line += c == 0 ? fmt::format("{:<{}}", row[c], widths[c])
                     : fmt::format("  {:>{}}", row[c], widths[c]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.1f} MB", bytes / 1e6);
  if (bytes >= 1e3) return fmt::format("{:.1f} kB", bytes / 1e3);
  return fmt::format("{:.0f} B", bytes);
}

std::string seconds_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace libquant::cli
