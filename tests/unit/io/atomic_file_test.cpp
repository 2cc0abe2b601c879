#include "libquant/io/atomic_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "libquant/core/error.h"
#include "libquant/io/gguf.h"
#include "libquant/io/safetensors.h"
#include "tests/support/files.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

// Lets the system refuse to grow any file beyond `bytes`, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("a file keeps its old content until commit and has the new one afterwards", "[io]") {
  const TemporaryFolder folder;
  write_file(folder / "file", "old");
  AtomicFile file(folder / "file");
  file.write("new ");
  file.write("");
  file.write("content");
  CHECK(file.size() == 11);
  CHECK(read_file(folder / "file") == "old");
  CHECK(folder.names().size() == 2);
  file.commit();
  CHECK(read_file(folder / "file") == "new content");
  CHECK(folder.names() == std::vector<std::string>{"file"});
  CHECK_THROWS_AS(file.write("more"), InvalidArgument);
  CHECK_THROWS_AS(file.commit(), InvalidArgument);
}

TEST_CASE("without commit nothing is left behind", "[io]") {
  const TemporaryFolder folder;
  { AtomicFile(folder / "absent").write("text"); }
  CHECK(folder.names().empty());
  write_file(folder / "present", "old");
  { AtomicFile(folder / "present").write("text"); }
  CHECK(folder.names() == std::vector<std::string>{"present"});
  CHECK(read_file(folder / "present") == "old");
}

TEST_CASE("two writers of one file do not disturb each other: the last commit wins", "[io]") {
  const TemporaryFolder folder;
  AtomicFile first(folder / "file"), second(folder / "file");
  second.write("second");
  first.write("first");
  second.commit();
  CHECK(read_file(folder / "file") == "second");
  first.commit();
  CHECK(read_file(folder / "file") == "first");
}

TEST_CASE("a file name of the longest length that the system takes can be written", "[io]") {
  const TemporaryFolder folder;
  const std::string name(255, 'n');
  write_file_atomic(folder / name, "text");
  CHECK(read_file(folder / name) == "text");
}

TEST_CASE("a relative path is written in the working folder", "[io]") {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_file_atomic("plain", "text");
  std::filesystem::current_path(before);
  CHECK(read_file(folder / "plain") == "text");
}

TEST_CASE("targets that cannot be written are refused before anything is created", "[io]") {
  const TemporaryFolder folder;
  check_mentions(message_of<Error>([&] { AtomicFile{folder / "none/file"}; }),
                 {(folder / "none/file").string(), "No such file or directory"});
  check_mentions(message_of<Error>([&] { AtomicFile{folder.path()}; }),
                 {folder.path().string(), "no regular file"});
  check_mentions(message_of<Error>([&] { AtomicFile{"/dev/null"}; }),
                 {"/dev/null", "no regular file"});
  CHECK(folder.names().empty());
}

TEST_CASE("a folder that takes the file's place before commit is an error, nothing is left",
          "[io]") {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "file");
    file.write("text");
    std::filesystem::create_directory(folder / "file");
    check_mentions(message_of<Error>([&] { file.commit(); }), {"file", "no regular file"});
  }
  CHECK(folder.names() == std::vector<std::string>{"file"});
}

TEST_CASE("a disk that fills up is an error with path and reason, and the old file stays", "[io]") {
  const TemporaryFolder folder;
  write_file(folder / "file", "old");
  const std::string content(10000, 'x');
  {
    const FileSizeLimit limit(4096);
    check_mentions(message_of<Error>([&] { write_file_atomic(folder / "file", content); }),
                   {(folder / "file").string(), "byte 4096", "File too large"});
  }
  CHECK(folder.names() == std::vector<std::string>{"file"});
  CHECK(read_file(folder / "file") == "old");
  write_file_atomic(folder / "file", content);
  CHECK(read_file(folder / "file") == content);
}

TEST_CASE("a disk that fills up under a container writer leaves no container", "[io]") {
  const TemporaryFolder folder;
  const std::vector<std::byte> values(8000);
  {
    const FileSizeLimit limit(4096);
    CHECK_THROWS_AS(
        [&] {
          SafetensorsWriter writer(folder / "a.safetensors", {{"w", DType::f32, {2000}}}, {});
          writer.append(values);
        }(),
        Error);
    CHECK_THROWS_AS(
        [&] {
          GgufWriter writer(folder / "a.gguf", {}, {{"w", DType::f32, {2000}}});
          writer.append(values);
        }(),
        Error);
  }
  CHECK(folder.names().empty());
}
