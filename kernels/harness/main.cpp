// main.cpp: every kernel on cases from a file or from chance, in every build of it that is linked in.
//
//   harness list                          operations, then builds
//   harness draw OP COUNT SEED OUT        writes drawn cases
//   harness run OP IN OUT BUILD...        runs the cases of IN; results are named BUILD/result
//   harness fuzz COUNT SEED EVERY [OP...] compares all builds on COUNT drawn cases of each operation, emulated blocks
//                                         on one in EVERY; case i is the only one of `fuzz 1 SEED+i 1 OP`
// BUILD is plain, avx2, avx512 or emulated:THREADS. A last word drop=FILE:LINE leaves out that barrier.
// Exit status: 0 all equal, 1 a difference, 2 wrong use; the sanitizers have their own.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>

#include "../cpu/emulation.hpp"
#include "operation.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" void __sanitizer_set_death_callback(void (*callback)());
#endif

namespace {

std::string current;  // the case at work, named when a sanitizer ends the program

void name_current() { std::fprintf(stderr, "harness: while running %s\n", current.c_str()); }

const Operation& find_operation(const std::string& name) {
  for (const auto& operation : operations())
    if (name == operation.name) return operation;
  throw std::runtime_error("no operation named " + name);
}

Case drawn(const Operation& operation, uint64_t seed) {
  set_filling(0);
  Chance chance(seed);
  Case made;
  operation.draw(chance, made);
  return made;
}

void work(const Operation& operation, const std::string& build, Case& worked, int32_t turn) {
  set_filling((unsigned char)(0x5a + 0x35 * turn));  // differs from build to build
  current = std::string(operation.name) + " as " + build;
  worked.results.clear();
  operation.run(find_runner(build), worked);
}

int draw(const Operation& operation, int64_t count, uint64_t seed, const std::string& out) {
  std::ofstream file(out, std::ios::binary);
  for (int64_t i = 0; i < count; ++i) {
    write_arrays(file, drawn(operation, seed + (uint64_t)i).given, "");
    file << "end\n";
  }
  return file.flush() ? 0 : 2;
}

int run(const Operation& operation, const std::string& in, const std::string& out,
        const std::vector<std::string>& builds) {
  std::ifstream file(in, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + in);
  std::ofstream results(out, std::ios::binary);
  for (Case worked; read_case(file, worked);) {
    for (size_t b = 0; b < builds.size(); ++b) {
      work(operation, builds[b], worked, (int32_t)b);
      write_arrays(results, worked.results, builds[b] + "/");
    }
    results << "end\n";
  }
  return results.flush() ? 0 : 2;
}

// builds to compare on a case, the reference first: a block of one thread where nothing else is linked in
std::vector<std::string> builds_for(uint64_t seed, bool emulate) {
  std::vector<std::string> builds;
  for (const auto& set : linked_sets())
    if (set != "emulated") builds.push_back(set);
  if (!emulate) return builds;
  if (builds.empty()) builds.push_back("emulated:1");
  constexpr int32_t THREADS[] = {2, 3, 8, 13, 32};
  builds.push_back("emulated:" + std::to_string(THREADS[seed % 5]));
  return builds;
}

// 1 if a build differs from the first one, or changes what it was given
int compare(const Operation& operation, uint64_t seed, bool emulate) {
  Case worked = drawn(operation, seed);
  const Arrays given = [&] {
    Arrays copies;
    for (const auto& [name, array] : worked.given) copies.emplace(name, array.copy());
    return copies;
  }();
  Arrays first;
  int32_t turn = 0;
  for (const auto& build : builds_for(seed, emulate)) {
    work(operation, build, worked, turn);
    std::string changed = difference(given, worked.given);
    if (!changed.empty()) changed = "(input) " + changed;
    if (changed.empty() && turn > 0) changed = difference(first, worked.results);
    if (!changed.empty()) {
      std::cerr << operation.name << ": seed " << seed << ", " << build << ": " << changed << " differs\n";
      return 1;
    }
    if (turn++ == 0) first = std::move(worked.results);
  }
  return 0;
}

int fuzz(int64_t count, uint64_t seed, int64_t every, const std::vector<std::string>& names) {
  int status = 0;
  for (const auto& operation : operations()) {
    bool wanted = names.empty();
    for (const auto& name : names) wanted = wanted || name == operation.name;
    if (!wanted) continue;
    for (int64_t i = 0; i < count && status == 0; ++i) {
      current = operation.name;
      status = compare(operation, seed + (uint64_t)i, i % every == 0);
    }
    if (status == 0) std::cout << operation.name << ": " << count << " cases equal in all builds" << std::endl;
  }
  return status;
}

int obey(std::vector<std::string> words) {
  if (!words.empty() && words.back().rfind("drop=", 0) == 0) {
    const std::string place = words.back().substr(5);
    const size_t colon = place.rfind(':');
    pw_emulation::drop_barrier(place.substr(0, colon), std::stoi(place.substr(colon + 1)));
    words.pop_back();
  }
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "list") {
    for (const auto& operation : operations()) std::cout << operation.name << ' ';
    std::cout << '\n';
    for (const auto& set : linked_sets()) std::cout << set << ' ';
    std::cout << '\n';
    return 0;
  }
  if (verb == "draw" && words.size() == 5)
    return draw(find_operation(words[1]), std::stoll(words[2]), std::stoull(words[3]), words[4]);
  if (verb == "run" && words.size() > 4)
    return run(find_operation(words[1]), words[2], words[3], {words.begin() + 4, words.end()});
  if (verb == "fuzz" && words.size() > 3)
    return fuzz(std::stoll(words[1]), std::stoull(words[2]), std::stoll(words[3]), {words.begin() + 4, words.end()});
  std::cerr << "usage: harness list | draw OP COUNT SEED OUT | run OP IN OUT BUILD... | "
               "fuzz COUNT SEED EVERY [OP...]\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  __sanitizer_set_death_callback(name_current);
#endif
  try {
    return obey({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "harness: " << error.what() << '\n';
    name_current();
    return 2;
  }
}
