// case.cpp: cases in memory and in files.
#include "case.hpp"

#include <istream>
#include <ostream>
#include <sstream>

namespace {
unsigned char fill = 0x5a;
}

void set_filling(unsigned char byte) { fill = byte; }
unsigned char filling() { return fill; }

Array::Array(std::string type_, Shape shape_) : type(std::move(type_)), shape(std::move(shape_)) {
  memory.reset(new char[(size_t)bytes()]);
  if (bytes()) std::memset(memory.get(), fill, (size_t)bytes());
}

int64_t Array::count() const {
  int64_t product = 1;
  for (const int64_t side : shape) product *= side;
  return product;
}

Array Array::copy() const {
  Array made(type, shape);
  if (bytes()) std::memcpy(made.memory.get(), memory.get(), (size_t)bytes());
  return made;
}

Array& Case::at(const std::string& name) {
  const auto found = given.find(name);
  if (found == given.end()) throw std::runtime_error("the case has no " + name);
  return found->second;
}

bool read_case(std::istream& file, Case& found) {
  found = Case{};
  std::string line;
  while (std::getline(file, line)) {
    if (line == "end") return true;
    std::istringstream words(line);
    std::string name, type;
    words >> name >> type;
    Shape shape;
    for (int64_t side; words >> side;) shape.push_back(side);
    Array array(type, shape);
    file.read(array.memory.get(), (std::streamsize)array.bytes());
    if (!file) throw std::runtime_error("the file ends within " + name);
    found.given.insert_or_assign(name, std::move(array));
  }
  return false;
}

void write_arrays(std::ostream& file, const Arrays& arrays, const std::string& prefix) {
  for (const auto& [name, array] : arrays) {
    file << prefix << name << ' ' << array.type;
    for (const int64_t side : array.shape) file << ' ' << side;
    file << '\n';
    file.write(array.memory.get(), (std::streamsize)array.bytes());
  }
}

std::string difference(const Arrays& one, const Arrays& other) {
  for (const auto& [name, array] : one) {
    const auto found = other.find(name);
    if (found == other.end() || found->second.shape != array.shape) return name;
    const void *mine = array.memory.get(), *other = found->second.memory.get();
    if (array.bytes() && std::memcmp(mine, other, (size_t)array.bytes())) return name;
  }
  return one.size() == other.size() ? "" : "number of results";
}
