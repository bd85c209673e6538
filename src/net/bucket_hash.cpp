// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/net/bucket_hash.hpp"

#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "phalanx/base/byte_writer.hpp"
#include "phalanx/base/secret.hpp"

namespace phalanx::net {
namespace {

constexpr std::size_t kBlockBytes = 16;
using RoundKeys = std::array<std::array<std::uint8_t, kBlockBytes>, 11>;

__m128i load_block(const void* from) noexcept {
  __m128i block;
  std::memcpy(&block, from, sizeof(block));
  return block;
}

// FIPS 197 5.2, one round. The round constant is an immediate of the instruction.
template <int kRoundConstant>
[[gnu::target("aes,sse4.1")]] __m128i next_round_key(__m128i key) noexcept {
  const auto assist = _mm_aeskeygenassist_si128(key, kRoundConstant);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

[[gnu::target("aes,sse4.1")]] void expand_key(const BucketHash::Key& key, RoundKeys& out) noexcept {
  __m128i round[11];  // std::array drops the attributes of __m128i
  round[0] = load_block(key.data());
  round[1] = next_round_key<0x01>(round[0]);
  round[2] = next_round_key<0x02>(round[1]);
  round[3] = next_round_key<0x04>(round[2]);
  round[4] = next_round_key<0x08>(round[3]);
  round[5] = next_round_key<0x10>(round[4]);
  round[6] = next_round_key<0x20>(round[5]);
  round[7] = next_round_key<0x40>(round[6]);
  round[8] = next_round_key<0x80>(round[7]);
  round[9] = next_round_key<0x1b>(round[8]);
  round[10] = next_round_key<0x36>(round[9]);
  static_assert(sizeof(round) == sizeof(out));
  std::memcpy(out.data(), round, sizeof(round));
  base::wipe(round, sizeof(round));
}

// First byte of the CBC-MAC with a zero IV over whole blocks.
[[gnu::target("aes,sse4.1")]] base::BucketIndex mac(const RoundKeys& keys, const std::byte* input,
                                                    std::size_t num_blocks) noexcept {
  __m128i state = _mm_setzero_si128();
  for (std::size_t block = 0; block < num_blocks; ++block) {
    state = _mm_xor_si128(state, load_block(input + block * kBlockBytes));
    state = _mm_xor_si128(state, load_block(keys[0].data()));
    for (std::size_t round = 1; round < keys.size() - 1; ++round) {
      state = _mm_aesenc_si128(state, load_block(keys[round].data()));
    }
    state = _mm_aesenclast_si128(state, load_block(keys.back().data()));
  }
  return base::BucketIndex(static_cast<std::uint8_t>(_mm_extract_epi8(state, 0)));
}

// Packets hashed side by side: an AES round of one takes several cycles, in which those of others
// begin. States and a round key fit the 16 vector registers.
constexpr std::size_t kSideBySide = 8;
static_assert(GroundsBurst::kCapacity % (4 * kSideBySide) == 0);

// A burst's blocks of one depth, one after the other, and what was hashed before them: in a second
// and third block only the states of packets that have it go on.
struct Layer {
  const std::uint8_t* blocks;
  const std::uint8_t* num_blocks;  // of each packet
  std::size_t depth;
};
using Tags = std::array<std::array<std::uint8_t, kBlockBytes>, GroundsBurst::kCapacity>;

[[gnu::target("aes,sse4.1")]] void hash_layer_aesni(const RoundKeys& keys, const Layer& layer,
                                                    std::size_t count, Tags& tags) noexcept {
  for (std::size_t first = 0; first < count; first += kSideBySide) {
    __m128i states[kSideBySide];
    const auto white = load_block(keys[0].data());
    for (std::size_t i = 0; i < kSideBySide; ++i) {
      const auto input = load_block(layer.blocks + (first + i) * kBlockBytes);
      states[i] = _mm_xor_si128(input, white);
      if (layer.depth != 0) states[i] = _mm_xor_si128(states[i], load_block(&tags[first + i]));
    }
    for (std::size_t round = 1; round < keys.size() - 1; ++round) {
      const auto key = load_block(keys[round].data());
      for (auto& state : states) state = _mm_aesenc_si128(state, key);
    }
    const auto key = load_block(keys.back().data());
    for (std::size_t i = 0; i < kSideBySide; ++i) {
      const auto tag = _mm_aesenclast_si128(states[i], key);
      if (layer.num_blocks[first + i] > layer.depth) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(&tags[first + i]), tag);
      }
    }
  }
}

// A round key for each of four packets. The plain intrinsic makes g++ 12 warn of its own header.
[[gnu::target("vaes,avx512f")]] inline __m512i spread(const RoundKeys::value_type& key) noexcept {
  return _mm512_maskz_broadcast_i32x4(0xffff, load_block(key.data()));
}

// The same with four packets to a register.
[[gnu::target("vaes,avx512f")]] void hash_layer_vaes(const RoundKeys& keys, const Layer& layer,
                                                     std::size_t count, Tags& tags) noexcept {
  constexpr std::size_t kLanes = 4;
  for (std::size_t first = 0; first < count; first += kLanes * kSideBySide) {
    __m512i states[kSideBySide];
    const auto white = spread(keys[0]);
    for (std::size_t i = 0; i < kSideBySide; ++i) {
      const auto at = first + i * kLanes;
      const auto input = _mm512_loadu_si512(layer.blocks + at * kBlockBytes);
      states[i] = _mm512_xor_si512(input, white);
      if (layer.depth != 0) {
        states[i] = _mm512_xor_si512(states[i], _mm512_loadu_si512(&tags[at]));
      }
    }
    for (std::size_t round = 1; round < keys.size() - 1; ++round) {
      const auto key = spread(keys[round]);
      for (auto& state : states) state = _mm512_aesenc_epi128(state, key);
    }
    const auto key = spread(keys.back());
    for (std::size_t i = 0; i < kSideBySide; ++i) {
      const auto at = first + i * kLanes;
      // Two words of 64 bits to a packet. Each has a first block.
      unsigned lanes = layer.depth == 0 ? 0xff : 0;
      for (std::size_t lane = 0; layer.depth != 0 && lane < kLanes; ++lane) {
        lanes |= layer.num_blocks[at + lane] > layer.depth ? 3U << (2 * lane) : 0U;
      }
      _mm512_mask_storeu_epi64(&tags[at], static_cast<__mmask8>(lanes),
                               _mm512_aesenclast_epi128(states[i], key));
    }
  }
}

using HashLayer = void (*)(const RoundKeys&, const Layer&, std::size_t, Tags&) noexcept;
HashLayer pick_hash_layer() noexcept {
  // clang 14 does not know the name "vaes": CPUID leaf 7, ECX bit 9. That the system saves the wide
  // registers is part of "avx512f".
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const bool vaes = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ecx >> 9 & 1) != 0;
  return vaes && __builtin_cpu_supports("avx512f") != 0 ? hash_layer_vaes : hash_layer_aesni;
}
const HashLayer hash_layer = pick_hash_layer();

// The hashed bytes of one packet: class, then the fields of docs/abi.md, zero to the end of the
// last block.
class Grounds {
 public:
  explicit Grounds(GroundsClass grounds_class) noexcept : writer_(bytes_) {
    writer_.u8(static_cast<std::uint8_t>(grounds_class));
  }
  Grounds(const Grounds&) = delete;
  Grounds& operator=(const Grounds&) = delete;

  Grounds& u8(std::uint8_t value) noexcept {
    writer_.u8(value);
    return *this;
  }
  Grounds& u16(std::uint16_t value) noexcept {
    writer_.u16(value);
    return *this;
  }
  Grounds& u32(std::uint32_t value) noexcept {
    writer_.u32(value);
    return *this;
  }
  Grounds& u64(std::uint64_t value) noexcept {
    writer_.u64(value);
    return *this;
  }
  Grounds& address(const IpAddress& value) noexcept {
    writer_.bytes(std::as_bytes(std::span(value.bytes).first(value.size())));
    return *this;
  }

  [[nodiscard]] base::BucketIndex bucket(const RoundKeys& keys) const noexcept {
    assert(writer_.ok());
    return mac(keys, bytes_.data(), (writer_.size() + kBlockBytes - 1) / kBlockBytes);
  }

 private:
  // The longest class: 1 + 2 * (16 + 2) + 1 bytes.
  std::array<std::byte, 3 * kBlockBytes> bytes_{};
  base::ByteWriter writer_;
};

GroundsClass by_family(const IpAddress& a, const IpAddress& b, GroundsClass v4,
                       GroundsClass v6) noexcept {
  assert(a.family == b.family);
  return a.is_v4() && b.is_v4() ? v4 : v6;
}

}  // namespace

BucketHash::BucketHash(const Key& key) noexcept {
  expand_key(key, round_keys_);
}

BucketHash::~BucketHash() {
  base::wipe(round_keys_.data(), sizeof(round_keys_));
}

base::BucketIndex BucketHash::esp_session(base::Spi spi) const noexcept {
  return Grounds(GroundsClass::EspSession).u32(spi.value()).bucket(round_keys_);
}

base::BucketIndex BucketHash::esp_packet(base::Spi spi, std::uint32_t stripe) const noexcept {
  return Grounds(GroundsClass::EspPacket).u32(spi.value()).u32(stripe).bucket(round_keys_);
}

base::BucketIndex BucketHash::ike(std::uint64_t ike_spi) const noexcept {
  return Grounds(GroundsClass::Ike).u64(ike_spi).bucket(round_keys_);
}

base::BucketIndex BucketHash::flow(const IpAddress& a, const IpAddress& b, std::uint8_t protocol,
                                   std::uint16_t port_a, std::uint16_t port_b) const noexcept {
  auto low = std::pair(a, port_a);
  auto high = std::pair(b, port_b);
  if (high < low) std::swap(low, high);
  return Grounds(by_family(a, b, GroundsClass::Flow4, GroundsClass::Flow6))
      .address(low.first)
      .u16(low.second)
      .address(high.first)
      .u16(high.second)
      .u8(protocol)
      .bucket(round_keys_);
}

base::BucketIndex BucketHash::icmp(const IpAddress& a, const IpAddress& b,
                                   std::uint16_t identifier) const noexcept {
  const auto [low, high] = std::minmax(a, b);
  return Grounds(by_family(a, b, GroundsClass::Icmp4, GroundsClass::Icmp6))
      .address(low)
      .address(high)
      .u16(identifier)
      .bucket(round_keys_);
}

base::BucketIndex BucketHash::other(const IpAddress& a, const IpAddress& b,
                                    std::uint8_t protocol) const noexcept {
  const auto [low, high] = std::minmax(a, b);
  return Grounds(by_family(a, b, GroundsClass::Other4, GroundsClass::Other6))
      .address(low)
      .address(high)
      .u8(protocol)
      .bucket(round_keys_);
}

base::BucketIndex BucketHash::fragment(const IpAddress& source, const IpAddress& destination,
                                       std::uint32_t identification) const noexcept {
  return Grounds(by_family(source, destination, GroundsClass::Fragment4, GroundsClass::Fragment6))
      .address(source)
      .address(destination)
      .u32(identification)
      .bucket(round_keys_);
}

void BucketHash::burst(const GroundsBurst& grounds, std::size_t count,
                       base::BucketIndex* buckets) const noexcept {
  alignas(base::kCacheLine) Tags tags;
  for (std::size_t depth = 0; depth < grounds.longest_; ++depth) {
    const auto* blocks = grounds.blocks_[depth].data()->data();
    hash_layer(round_keys_, {blocks, grounds.num_blocks_.data(), depth}, count, tags);
  }
  for (std::size_t i = 0; i < count; ++i) buckets[i] = base::BucketIndex(tags[i][0]);
}

bool cpu_has_aes() noexcept {
  return __builtin_cpu_supports("aes") != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

}  // namespace phalanx::net
