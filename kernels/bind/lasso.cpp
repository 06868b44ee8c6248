// bind/lasso.cpp: exact LASSO paths of many training sets of one table, for Python.
#include "../cpu/lasso.hpp"

#include <algorithm>
#include <cmath>

#include "door.hpp"

namespace {

using Vector = door::In<double, nb::shape<-1>>;
using Matrix = door::In<double, nb::shape<-1, -1>>;
using Cube = door::In<double, nb::shape<-1, -1, -1>>;
using Masks = door::In<uint8_t, nb::shape<-1, -1>>;
using Places = door::In<int64_t, nb::shape<-1>>;
using Written = door::Out<double, nb::shape<-1, -1>>;
using Blocks = door::Out<double, nb::shape<-1, -1, -1, -1>>;
using Reasons = door::Out<int32_t, nb::shape<-1, -1>>;

template <typename Array>
bool has_shape(const Array& array, std::initializer_list<int64_t> shape) {
  size_t axis = 0;
  return std::all_of(shape.begin(), shape.end(),
                     [&](int64_t length) { return (int64_t)array.shape(axis++) == length; });
}

template <typename Array>
void check_finite(const std::string& function, const std::string& name, const Array& array) {
  if (!std::all_of(array.data(), array.data() + array.size(), [](double value) { return std::isfinite(value); }))
    door::refuse(function, name + " has values that are not finite; leave those rows or columns out");
}

int32_t count_rows(const uint8_t* mask, int64_t n) { return (int32_t)std::count(mask, mask + n, uint8_t{1}); }

// The training sets of one table, checked.
class Sets {
 public:
  Sets(const std::string& function, const Matrix& rows, const Vector& middle, const Masks& train, const Cube& centred)
      : n((int64_t)rows.shape(0)), columns((int64_t)rows.shape(1)), sets((int64_t)train.shape(0)),
        targets((int64_t)centred.shape(0)), rows_(rows.data()), middle_(middle.data()), train_(train.data()),
        centred_(centred.data()) {
    if (!n || !columns || n >= (1 << 24) || columns >= (1 << 24))
      door::refuse(function, "rows is (" + std::to_string(n) + ", " + std::to_string(columns) +
                                 "); expected at least one row and one column and fewer than 2^24");
    if (!has_shape(middle, {columns})) door::refuse(function, "middle must have one value per column");
    if (!has_shape(train, {sets, n})) door::refuse(function, "train must be (sets, rows)");
    if (!has_shape(centred, {targets, sets, n})) door::refuse(function, "centred must be (targets, sets, rows)");
    for (int64_t set = 0; set < sets; ++set) {
      if (std::any_of(train_ + set * n, train_ + (set + 1) * n, [](uint8_t value) { return value > 1; }))
        door::refuse(function, "train: expected 0 or 1");
      const int32_t learned = count_rows(train_ + set * n, n);
      if (!learned) door::refuse(function, "train: set " + std::to_string(set) + " learns from no row");
      most_learned = std::max(most_learned, learned);
    }
    check_finite(function, "rows", rows);
    check_finite(function, "middle", middle);
    check_finite(function, "centred", centred);
  }

  pw_lasso::Rows of(int64_t set) const {
    return {rows_, middle_, train_ + set * n, (int32_t)n, (int32_t)columns};
  }
  const double* centred(int64_t target, int64_t set) const { return centred_ + (target * sets + set) * n; }

  int64_t n, columns, sets, targets;
  int32_t most_learned = 0;

 private:
  const double *rows_, *middle_;
  const uint8_t* train_;
  const double* centred_;
};

void measure_lasso_sets(Matrix rows, Vector middle, Masks train, Cube centred, bool scaled, Written means,
                        Written scales, Written steepest, int32_t threads, const std::string& instructions) {
  const std::string name = "measure_lasso_sets";
  const Sets sets(name, rows, middle, train, centred);
  if (!has_shape(means, {sets.sets, sets.columns}) || !has_shape(scales, {sets.sets, sets.columns}))
    door::refuse(name, "means and scales must be (sets, columns)");
  if (!has_shape(steepest, {sets.targets, sets.sets})) door::refuse(name, "steepest must be (targets, sets)");
  const LassoTable& table = PW_CHOOSE(lasso, door::find_isa(instructions));
  nb::gil_scoped_release unlocked;
  door::each_frame(sets.sets, threads, 0, [&](int64_t s, pw::Scratch) {
    const pw_lasso::Rows of = sets.of(s);
    double *mean = means.data() + s * sets.columns, *scale = scales.data() + s * sets.columns;
    table.measure(of, scaled, mean, scale);
    for (int64_t t = 0; t < sets.targets; ++t)
      steepest.data()[t * sets.sets + s] = table.steepest(of, mean, scale, sets.centred(t, s));
  });
}

// What the paths of all sets and targets are asked.
struct Questions {
  Questions(const std::string& function, const Sets& sets, const Matrix& means, const Matrix& scales,
            const Cube& alphas, const Matrix& largest, const Reasons& reasons)
      : means(means.data()), scales(scales.data()), alphas(alphas.data()), largest(largest.data()),
        reasons(reasons.data()), n_alphas((int64_t)alphas.shape(2)) {
    if (!has_shape(means, {sets.sets, sets.columns}) || !has_shape(scales, {sets.sets, sets.columns}))
      door::refuse(function, "means and scales must be (sets, columns)");
    if (!has_shape(alphas, {sets.targets, sets.sets, n_alphas}))
      door::refuse(function, "alphas must be (targets, sets, alphas)");
    if (!has_shape(largest, {sets.targets, sets.sets}) || !has_shape(reasons, {sets.targets, sets.sets}))
      door::refuse(function, "largest and reasons must be (targets, sets)");
    check_finite(function, "means", means);
    check_finite(function, "scales", scales);
    check_finite(function, "largest", largest);
    for (int64_t path = 0; path < sets.targets * sets.sets; ++path) {
      const double* own = alphas.data() + path * n_alphas;
      for (int64_t a = 0; a < n_alphas; ++a)
        if (!(own[a] >= 0.0) || !(a == 0 || own[a] <= own[a - 1]))
          door::refuse(function, "alphas must fall along the last axis and be at least 0");
    }
  }

  const double *means, *scales, *alphas, *largest;
  int32_t* reasons;
  int64_t n_alphas;
};

template <typename Ask>
void follow_all(const Sets& sets, const Questions& questions, const uint8_t* wanted, int32_t most_wanted, bool by_gram,
                int32_t threads, const std::string& instructions, const Ask& ask) {
  const LassoTable& table = PW_CHOOSE(lasso, door::find_isa(instructions));
  const auto n = (int32_t)sets.n, columns = (int32_t)sets.columns, learned = sets.most_learned;
  const int64_t own = table.table_bytes(n, columns, learned, most_wanted, by_gram);
  const int64_t bytes = own + table.path_bytes(columns, learned, most_wanted, by_gram);
  nb::gil_scoped_release unlocked;
  door::each_frame(sets.sets, threads, bytes, [&](int64_t s, pw::Scratch memory) {
    const pw_lasso::Table built =
        table.build(sets.of(s), questions.means + s * columns, questions.scales + s * columns,
                    wanted ? wanted + s * n : nullptr, by_gram, pw::Scratch{pw::take<char>(memory, own)});
    for (int64_t t = 0; t < sets.targets; ++t) {
      const int64_t path = t * sets.sets + s;
      pw_lasso::Question question = {};
      question.centred = sets.centred(t, s);
      question.alphas = questions.alphas + path * questions.n_alphas;
      question.n_alphas = (int32_t)questions.n_alphas;
      question.largest = questions.largest[path];
      ask(t, s, question);
      questions.reasons[path] = table.follow(built, question, memory);
    }
  });
}

void predict_lasso_paths(Matrix rows, Vector middle, Masks train, Cube centred, Matrix means, Matrix scales,
                         Cube alphas, Matrix largest, Matrix intercept, Masks wanted, Places place, Blocks fitted,
                         Reasons reasons, bool by_gram, int32_t threads, const std::string& instructions) {
  const std::string name = "predict_lasso_paths";
  const Sets sets(name, rows, middle, train, centred);
  const Questions questions(name, sets, means, scales, alphas, largest, reasons);
  const int64_t places = (int64_t)fitted.shape(1), row = 1 + questions.n_alphas;
  if (!has_shape(intercept, {sets.targets, sets.sets})) door::refuse(name, "intercept must be (targets, sets)");
  if (!has_shape(wanted, {sets.sets, sets.n})) door::refuse(name, "wanted must be (sets, rows)");
  if (!has_shape(place, {sets.sets})) door::refuse(name, "place must have one value per set");
  if (!has_shape(fitted, {sets.targets, places, sets.n, row}))
    door::refuse(name, "fitted must be (targets, places, rows, 1 + alphas)");
  std::vector<uint8_t> taken((size_t)(places * sets.n));
  int32_t most_wanted = 0;
  for (int64_t s = 0; s < sets.sets; ++s) {
    const int64_t at = place.data()[s];
    if (at < 0 || at >= places) door::refuse(name, "place: set " + std::to_string(s) + " has none in fitted");
    const uint8_t* own = wanted.data() + s * sets.n;
    for (int64_t r = 0; r < sets.n; ++r)
      if (own[r] > 1 || (own[r] && taken[(size_t)(at * sets.n + r)]++))
        door::refuse(name, "wanted: expected 0 or 1, and no row twice in one place");
    most_wanted = std::max(most_wanted, count_rows(own, sets.n));
  }
  follow_all(sets, questions, wanted.data(), most_wanted, by_gram, threads, instructions,
             [&](int64_t t, int64_t s, pw_lasso::Question& question) {
               question.intercept = intercept.data()[t * sets.sets + s];
               question.fitted = fitted.data() + (t * places + place.data()[s]) * sets.n * row;
             });
}

void solve_lasso_paths(Matrix rows, Vector middle, Masks train, Cube centred, Matrix means, Matrix scales, Cube alphas,
                       Matrix largest, Blocks coefficients, Reasons reasons, bool by_gram, int32_t threads,
                       const std::string& instructions) {
  const std::string name = "solve_lasso_paths";
  const Sets sets(name, rows, middle, train, centred);
  const Questions questions(name, sets, means, scales, alphas, largest, reasons);
  if (!has_shape(coefficients, {sets.targets, sets.sets, questions.n_alphas, sets.columns}))
    door::refuse(name, "coefficients must be (targets, sets, alphas, columns)");
  follow_all(sets, questions, nullptr, 0, by_gram, threads, instructions,
             [&](int64_t t, int64_t s, pw_lasso::Question& question) {
               question.coefficients =
                   coefficients.data() + (t * sets.sets + s) * questions.n_alphas * sets.columns;
             });
}

}  // namespace

void bind_lasso(nb::module_& m) {
  m.def("measure_lasso_sets", &measure_lasso_sets, "rows"_a.noconvert(), "middle"_a.noconvert(), "train"_a.noconvert(),
        "centred"_a.noconvert(), "scaled"_a, "means"_a.noconvert(), "scales"_a.noconvert(), "steepest"_a.noconvert(),
        "threads"_a = 1, "instructions"_a = "best", "Write means, SDs and the largest useful lambda of training sets.");
  m.def("predict_lasso_paths", &predict_lasso_paths, "rows"_a.noconvert(), "middle"_a.noconvert(),
        "train"_a.noconvert(), "centred"_a.noconvert(), "means"_a.noconvert(), "scales"_a.noconvert(),
        "alphas"_a.noconvert(), "largest"_a.noconvert(), "intercept"_a.noconvert(), "wanted"_a.noconvert(),
        "place"_a.noconvert(), "fitted"_a.noconvert(), "reasons"_a.noconvert(), "by_gram"_a, "threads"_a = 1,
        "instructions"_a = "best", "Write what exact LASSO paths predict for chosen rows.");
  m.def("solve_lasso_paths", &solve_lasso_paths, "rows"_a.noconvert(), "middle"_a.noconvert(), "train"_a.noconvert(),
        "centred"_a.noconvert(), "means"_a.noconvert(), "scales"_a.noconvert(), "alphas"_a.noconvert(),
        "largest"_a.noconvert(), "coefficients"_a.noconvert(), "reasons"_a.noconvert(), "by_gram"_a, "threads"_a = 1,
        "instructions"_a = "best", "Write the coefficients along exact LASSO paths.");
}
