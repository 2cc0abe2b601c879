#include "libquant/io/mapped_file.h"

#include <sys/stat.h>

#include <utility>

#include "libquant/core/error.h"
#include "libquant/io/bytes.h"
#include "tests/support/files.h"

using namespace libquant;
using namespace libquant::testing;

TEST_CASE("a mapped file shows its bytes, also after a move and after its pages were released",
          "[io]") {
  const TemporaryFolder folder;
  std::string content(3 * 4096 + 17, 'x');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 % 251);
  write_file(folder / "data", content);
  write_file(folder / "other", "other");

  MappedFile first(folder / "data");
  MappedFile file(std::move(first));
  CHECK(first.bytes().empty());
  CHECK(file.path() == folder / "data");
  CHECK(as_text(file.bytes()) == content);
  file.release(file.bytes());
  file.release(file.bytes().subspan(5000, 100));
  file.release({});
  const std::byte elsewhere[2]{};
  file.release(elsewhere);
  CHECK(as_text(file.bytes()) == content);

  MappedFile second(folder / "other");
  second = std::move(file);
  CHECK(as_text(second.bytes()) == content);
}

TEST_CASE("an empty file maps to an empty span", "[io]") {
  const TemporaryFolder folder;
  write_file(folder / "empty", "");
  const MappedFile file(folder / "empty");
  CHECK(file.bytes().empty());
  file.release(file.bytes());
}

TEST_CASE("what is no regular file is refused with its path and the reason", "[io]") {
  const TemporaryFolder folder;
  check_mentions(message_of<Error>([&] { MappedFile{folder / "absent"}; }),
                 {(folder / "absent").string(), "No such file or directory"});
  check_mentions(message_of<Error>([&] { MappedFile{folder.path()}; }),
                 {folder.path().string(), "expected a regular file", "a folder"});
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  check_mentions(message_of<Error>([&] { MappedFile{folder / "pipe"}; }),
                 {"pipe", "expected a regular file"});
  check_mentions(message_of<Error>([&] { MappedFile{"/dev/zero"}; }),
                 {"/dev/zero", "expected a regular file"});
}
