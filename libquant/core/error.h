#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace libquant {

/// Root of everything the library throws on purpose. Messages say what was being done, on which
/// tensor or key, what was expected and what was found.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller passed something that can never be valid.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// A file's content breaks its format, or contradicts another file of the same checkpoint.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// Valid, but not something that this build, machine or format can do.
class NotSupported : public Error {
 public:
  using Error::Error;
};

/// The progress callback (or a signal behind it) asked to stop; what was finished is kept.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// A CUDA call failed.
class CudaError : public Error {
 public:
  using Error::Error;
};

/// Throws `E` with a formatted message.
template <typename E = Error, typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw E(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws `E` (InvalidArgument unless named) with a formatted message unless `ok`.
template <typename E = InvalidArgument, typename... Args>
void require(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) [[unlikely]]
    throw E(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace libquant
