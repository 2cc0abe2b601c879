#include <libquant/core/hash.h>

#include <cstdio>

int main() { return std::puts(libquant::Hasher().hex().c_str()) < 0; }
