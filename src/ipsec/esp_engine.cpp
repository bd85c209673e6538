// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Phalanx Authors
#include "phalanx/ipsec/esp_engine.hpp"

#include <algorithm>
#include <utility>

#include "esp_stages.hpp"

namespace phalanx::ipsec {

EspEngine::Impl::Impl(Manager one_shot_manager, Manager out_manager, Manager in_manager) noexcept
    : one_shot(std::move(one_shot_manager)),
      cbc_out(std::move(out_manager)),
      cbc_in(std::move(in_manager)),
      key_lines(*one_shot) {
  const auto set = [&](EspAlgorithm algorithm, aes_gcm_enc_dec_t encrypt,
                       aes_gcm_enc_dec_t decrypt) {
    seal[static_cast<std::size_t>(algorithm)] = encrypt;
    open[static_cast<std::size_t>(algorithm)] = decrypt;
  };
  set(EspAlgorithm::Aes128Gcm16, one_shot->gcm128_enc, one_shot->gcm128_dec);
  set(EspAlgorithm::Aes192Gcm16, one_shot->gcm192_enc, one_shot->gcm192_dec);
  set(EspAlgorithm::Aes256Gcm16, one_shot->gcm256_enc, one_shot->gcm256_dec);
}

EspEngine::EspEngine(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
EspEngine::~EspEngine() = default;

base::Result<std::unique_ptr<EspEngine>, EspEngineError> EspEngine::create(
    Isa isa, base::WorkerIndex worker) {
  if (!isa_supported(isa)) return EspEngineError::UnsupportedIsa;
  auto one_shot = make_manager(isa);
  auto cbc_out = make_manager(isa);
  auto cbc_in = make_manager(isa);
  if (!one_shot || !cbc_out || !cbc_in) return EspEngineError::OutOfMemory;
  auto impl = std::make_unique<Impl>(std::move(one_shot), std::move(cbc_out), std::move(cbc_in));
  impl->worker = worker.value();
  return std::unique_ptr<EspEngine>(new EspEngine(std::move(impl)));
}

void EspEngine::encrypt(std::span<EspPacket> packets) noexcept {
  EspStages::encrypt<SaMode::Session>(*impl_, packets);
}

void EspEngine::decrypt(std::span<EspPacket> packets) noexcept {
  EspStages::decrypt<SaMode::Session>(*impl_, packets);
}

std::size_t EspEngine::number(std::span<EspPacket> packets) noexcept {
  std::size_t count = 0;
  while (count < packets.size() && EspStages::number(*impl_, packets[count])) ++count;
  return count;
}

namespace {

std::size_t collect(CbcRing& ring, std::span<EspPacket> out) noexcept {
  const auto count = std::min<std::size_t>(ring.settled - ring.collected, out.size());
  for (std::size_t i = 0; i < count; ++i) out[i] = ring.at(ring.collected++).packet;
  return count;
}

}  // namespace

std::size_t EspEngine::collect_encrypted(std::span<EspPacket> out) noexcept {
  return collect(impl_->out_ring, out);
}

std::size_t EspEngine::collect_decrypted(std::span<EspPacket> out) noexcept {
  return collect(impl_->in_ring, out);
}

void EspEngine::flush() noexcept {
  EspStages::flush(*impl_);
}

std::size_t EspEngine::pending() const noexcept {
  return (impl_->out_ring.submitted - impl_->out_ring.collected) +
         (impl_->in_ring.submitted - impl_->in_ring.collected);
}

std::span<const LeaseRaise> EspEngine::raises() const noexcept {
  return std::span(impl_->raise_list).first(impl_->num_raises);
}

void EspEngine::clear_raises() noexcept {
  impl_->num_raises = 0;
}

}  // namespace phalanx::ipsec
