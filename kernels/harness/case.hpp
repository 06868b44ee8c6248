// case.hpp: named arrays as a kernel takes and gives them, the file they travel in, and memory that shows mistakes.
//
// File: for every array a line "name type side side ...\n" and its bytes, C order; a line "end\n" closes a case.
// Types are NumPy's: u1 i1 i2 u4 i4 u8 i8 f4. A number is an i8 array without sides.
// Every array is an allocation of exactly its bytes, so that the address sanitizer sees one byte too far.
#ifndef PHASEWELL_HARNESS_CASE_HPP
#define PHASEWELL_HARNESS_CASE_HPP
#include <cstdint>
#include <cstring>
#include <iosfwd>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using Shape = std::vector<int64_t>;

template <typename T>
std::string type_name() {
  return (std::is_floating_point_v<T> ? "f" : std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T));
}

struct Array {
  std::string type;
  Shape shape;
  std::unique_ptr<char[]> memory;

  Array() = default;
  Array(std::string type_, Shape shape_);
  int64_t count() const;
  int64_t bytes() const { return count() * (type[1] - '0'); }
  template <typename T>
  T* data() {
    if (type != type_name<T>()) throw std::runtime_error("an array of " + type + ", expected " + type_name<T>());
    return reinterpret_cast<T*>(memory.get());
  }
  Array copy() const;
};

using Arrays = std::map<std::string, Array>;

struct Case {
  Arrays given, results;

  Array& at(const std::string& name);
  template <typename T>
  T* in(const std::string& name) { return at(name).data<T>(); }
  int64_t number(const std::string& name) { return *in<int64_t>(name); }
  int32_t height(const std::string& name) { return (int32_t)at(name).shape.at(0); }
  int32_t width(const std::string& name) { return (int32_t)at(name).shape.at(1); }

  template <typename T>
  T* give(const std::string& name, const Shape& shape) {
    return given.insert_or_assign(name, Array(type_name<T>(), shape)).first->second.template data<T>();
  }
  void give_number(const std::string& name, int64_t value) { *give<int64_t>(name, {}) = value; }
  template <typename T>
  T* result(const std::string& name, const Shape& shape) {
    return results.insert_or_assign(name, Array(type_name<T>(), shape)).first->second.template data<T>();
  }
  // a result that starts as a copy of what was given, for kernels that work in place
  template <typename T>
  T* in_place(const std::string& result_name, const std::string& given_name) {
    return results.insert_or_assign(result_name, at(given_name).copy()).first->second.template data<T>();
  }
};

// What fresh memory holds: changed from run to run, so that a kernel that reads what it never wrote gives itself away.
void set_filling(unsigned char byte);
unsigned char filling();

bool read_case(std::istream& file, Case& found);  // false at the end of the file
void write_arrays(std::ostream& file, const Arrays& arrays, const std::string& prefix);
// the name of the first array that differs, or ""
std::string difference(const Arrays& one, const Arrays& other);
#endif
