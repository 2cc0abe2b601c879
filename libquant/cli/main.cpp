#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app("libquant: make language models small without making them unfair");
  CLI11_PARSE(app, argc, argv);
  return 0;
}
