// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "config_text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "phalanx/base/secret.hpp"

namespace phalanx::mgmt {

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  if (this != &other) {
    wipe();
    text_.swap(other.text_);
  }
  return *this;
}

void SecretText::append(std::string_view more) {
  if (text_.capacity() - text_.size() < more.size()) {
    std::string grown;
    grown.reserve(2 * text_.size() + more.size());
    grown.append(text_);
    base::wipe(text_.data(), text_.size());
    text_.swap(grown);
  }
  text_.append(more);
}

void SecretText::wipe() noexcept {
  base::wipe(text_.data(), text_.size());
  text_.clear();
}

namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}
constexpr bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c) || c == '-' || c == '_';
}
constexpr bool is_number_char(char c) {
  return is_digit(c) || is_name_start(c) || c == '+' || c == '-' || c == '.' || c == '_';
}
constexpr unsigned hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  return static_cast<unsigned>((c | 0x20) - 'a') + 10;
}

// Follows the lexical rules of libconfig's manual; where it is stricter than libconfig (unknown
// escapes, control characters, "@include"), it refuses, so that both always see the same tokens.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  base::Result<Skeleton, TextProblem> run();

 private:
  [[nodiscard]] bool done() const { return at_ == text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void newline() {
    ++line_;
    out_.text.push_back('\n');
  }
  void fail(std::string problem, std::string allowed = {}) {
    if (!problem_) problem_ = TextProblem{line_, std::move(problem), std::move(allowed)};
  }

  void step();
  void line_comment();
  void block_comment();
  void string();
  bool escape(SecretText& value);
  void number();
  void name();
  void punctuation(char c);
  void open(char closing);
  void close(char c);
  void emit(Literal literal);

  struct Nesting {
    char closing;
    unsigned settings = 0;
    std::uint32_t line = 0;
  };

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool after_string_ = false;  // the next string continues this one
  std::vector<Nesting> nesting_{{'\0'}};
  Skeleton out_;
  std::optional<TextProblem> problem_;
};

base::Result<Skeleton, TextProblem> Scanner::run() {
  if (text_.size() > kMaxConfigBytes) {
    fail("the file is too large", "at most 64 MiB");
  } else {
    out_.text.reserve(text_.size() / 2 + 64);
  }
  while (!problem_ && !done()) step();
  if (!problem_ && nesting_.size() > 1) {
    fail("\"" + std::string(1, nesting_.back().closing) + "\" is missing: opened in line " +
         std::to_string(nesting_.back().line));
  }
  if (problem_) return *std::move(problem_);
  return std::move(out_);
}

void Scanner::step() {
  const char c = peek();
  if (c == '\n') {
    ++at_;
    newline();
  } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
    ++at_;
    out_.text.push_back(' ');
  } else if (c == '#' || (c == '/' && peek(1) == '/')) {
    line_comment();
  } else if (c == '/' && peek(1) == '*') {
    block_comment();
  } else if (c == '"') {
    string();
  } else {
    after_string_ = false;
    if (is_name_start(c)) {
      name();
    } else if (is_digit(c) || c == '+' || c == '-' || c == '.') {
      number();
    } else {
      punctuation(c);
    }
  }
}

void Scanner::line_comment() {
  at_ = std::min(text_.find('\n', at_), text_.size());
}

void Scanner::block_comment() {
  const auto opened = line_;
  at_ += 2;
  while (!done() && !(peek() == '*' && peek(1) == '/')) {
    if (peek() == '\n') newline();
    ++at_;
  }
  if (done()) {
    line_ = opened;
    return fail("the comment that starts here has no end", "*/");
  }
  at_ += 2;
  out_.text.push_back(' ');
}

void Scanner::string() {
  const auto opened = line_;
  SecretText value;
  ++at_;
  while (!done() && peek() != '"') {
    const char c = peek();
    if (c == '\\') {
      if (!escape(value)) return;
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return fail(c == '\n' ? "the string has no end in its line" : "control character in a string",
                  "\" ends a string; control characters as \\n, \\r, \\t, \\f");
    }
    const auto run = text_.substr(at_);
    const auto end = std::find_if(run.begin(), run.end(), [](char each) {
      return each == '"' || each == '\\' || static_cast<unsigned char>(each) < 0x20 || each == 0x7f;
    });
    const auto length = static_cast<std::size_t>(end - run.begin());
    value.append(run.substr(0, length));
    at_ += length;
  }
  if (done()) {
    line_ = opened;
    return fail("the string has no end", "\" ends a string");
  }
  ++at_;
  const auto before = after_string_ ? out_.literals.back().text.view().size() : 0;
  if (before + value.view().size() > kMaxStringBytes) {
    return fail("the string is too long", "at most 4096 bytes");
  }
  if (after_string_) {
    out_.literals.back().text.append(value.view());
  } else {
    emit({true, opened, std::move(value)});
  }
  after_string_ = true;
}

bool Scanner::escape(SecretText& value) {
  constexpr std::array<std::pair<char, char>, 6> kEscapes = {
      {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}, {'\\', '\\'}, {'"', '"'}}};
  const char c = peek(1);
  for (const auto& [letter, meaning] : kEscapes) {
    if (c != letter) continue;
    value.append({&meaning, 1});
    at_ += 2;
    return true;
  }
  if ((c == 'x' || c == 'X') && is_hex_digit(peek(2)) && is_hex_digit(peek(3))) {
    const auto code = hex_value(peek(2)) * 16 + hex_value(peek(3));
    if (code == 0) {
      fail("\\x00 in a string", "\\x01 to \\xff");
      return false;
    }
    const char meaning = static_cast<char>(code);
    value.append({&meaning, 1});
    at_ += 4;
    return true;
  }
  fail("unknown escape in a string", "\\n, \\r, \\t, \\f, \\\\, \\\", \\x01 to \\xff");
  return false;
}

void Scanner::number() {
  const auto start = at_;
  while (is_number_char(peek())) ++at_;
  emit({false, line_, SecretText(text_.substr(start, at_ - start))});
}

void Scanner::name() {
  const auto start = at_;
  while (is_name_char(peek())) ++at_;
  out_.text.append(text_.substr(start, at_ - start));
}

void Scanner::emit(Literal literal) {
  if (out_.literals.size() == kMaxLiterals) {
    return fail("too many values in one file", "at most 2097152");
  }
  // Spaces keep it apart from a neighbour: "a = 1 2" must stay the syntax error that it is.
  out_.text.append(" ").append(std::to_string(out_.literals.size())).append(" ");
  out_.literals.push_back(std::move(literal));
}

void Scanner::punctuation(char c) {
  switch (c) {
    case '{': open('}'); break;
    case '(': open(')'); break;
    case '[': open(']'); break;
    case '}':
    case ')':
    case ']': close(c); break;
    case '=':
    case ':':
      if (++nesting_.back().settings > kMaxSettingsPerGroup) {
        return fail("too many settings in one group", "at most 256");
      }
      break;
    case ',':
    case ';': break;
    case '@': return fail("include files are not supported", "the whole config in one file");
    default: {
      const auto code = static_cast<unsigned char>(c);
      if (code > 0x20 && code < 0x7f) {
        return fail("unexpected character \"" + std::string(1, c) + "\"");
      }
      constexpr std::string_view kHex = "0123456789abcdef";
      return fail(std::string("unexpected byte 0x") + kHex[code >> 4] + kHex[code & 15],
                  "ASCII text outside strings and comments");
    }
  }
  if (problem_) return;
  out_.text.push_back(c);
  ++at_;
}

void Scanner::open(char closing) {
  if (nesting_.size() > kMaxConfigDepth) return fail("nested too deeply", "at most 16 levels");
  nesting_.push_back({closing, 0, line_});
}

void Scanner::close(char c) {
  if (nesting_.size() == 1) return fail("\"" + std::string(1, c) + "\" closes nothing");
  if (nesting_.back().closing != c) {
    return fail("\"" + std::string(1, c) + "\" does not match: \"" + nesting_.back().closing +
                "\" is due, opened in line " + std::to_string(nesting_.back().line));
  }
  nesting_.pop_back();
}

}  // namespace

base::Result<Skeleton, TextProblem> scan_config_text(std::string_view text) {
  return Scanner(text).run();
}

}  // namespace phalanx::mgmt
