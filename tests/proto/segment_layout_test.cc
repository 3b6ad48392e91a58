// Every offset of the segment, one by one: a field that moves breaks a reader or a writer of
// another version. Changing a number here means changing the format (segment_format.h,
// docs/shm-abi.md).
#include <cstddef>

#include <gtest/gtest.h>

#include "proto/segment_format.h"

namespace ringside::proto {
namespace {

#define EXPECT_OFFSET(type, field, offset) \
  EXPECT_EQ(offsetof(type, field), size_t{offset}) << #type "." #field

TEST(SegmentLayout_Offsets, Geometry) {
  EXPECT_EQ(sizeof(Geometry), size_t{112});
  EXPECT_OFFSET(Geometry, segment_bytes, 0);
  EXPECT_OFFSET(Geometry, series_offset, 8);
  EXPECT_OFFSET(Geometry, strings_offset, 16);
  EXPECT_OFFSET(Geometry, lanes_offset, 24);
  EXPECT_OFFSET(Geometry, directory_offset, 32);
  EXPECT_OFFSET(Geometry, slots_offset, 40);
  EXPECT_OFFSET(Geometry, timing_rings_offset, 48);
  EXPECT_OFFSET(Geometry, request_rings_offset, 56);
  EXPECT_OFFSET(Geometry, pool_offset, 64);
  EXPECT_OFFSET(Geometry, pool_bytes, 72);
  EXPECT_OFFSET(Geometry, strings_bytes, 80);
  EXPECT_OFFSET(Geometry, series_capacity, 84);
  EXPECT_OFFSET(Geometry, lane_count, 88);
  EXPECT_OFFSET(Geometry, slot_count, 92);
  EXPECT_OFFSET(Geometry, slot_bytes, 96);
  EXPECT_OFFSET(Geometry, timing_ring_records, 100);
  EXPECT_OFFSET(Geometry, request_ring_bytes, 104);
  EXPECT_OFFSET(Geometry, pool_chunk_bytes, 108);
}

TEST(SegmentLayout_Offsets, SegmentHeader) {
  EXPECT_EQ(sizeof(SegmentHeader), size_t{576});
  EXPECT_OFFSET(SegmentHeader, magic, 0);
  EXPECT_OFFSET(SegmentHeader, major_version, 8);
  EXPECT_OFFSET(SegmentHeader, minor_version, 10);
  EXPECT_OFFSET(SegmentHeader, oldest_compatible_minor, 12);
  EXPECT_OFFSET(SegmentHeader, reserved0, 14);
  EXPECT_OFFSET(SegmentHeader, header_bytes, 16);
  EXPECT_OFFSET(SegmentHeader, feature_bits, 20);
  EXPECT_OFFSET(SegmentHeader, ready, 24);
  EXPECT_OFFSET(SegmentHeader, pid_namespace, 28);
  EXPECT_OFFSET(SegmentHeader, uuid, 32);
  EXPECT_OFFSET(SegmentHeader, pid, 48);
  EXPECT_OFFSET(SegmentHeader, created_unix_ns, 56);
  EXPECT_OFFSET(SegmentHeader, clock_kind, 64);
  EXPECT_OFFSET(SegmentHeader, reserved2, 68);
  EXPECT_OFFSET(SegmentHeader, ns_per_tick_q32, 72);
  EXPECT_OFFSET(SegmentHeader, anchor_ticks, 80);
  EXPECT_OFFSET(SegmentHeader, anchor_unix_ns, 88);
  EXPECT_OFFSET(SegmentHeader, geometry, 96);
  EXPECT_OFFSET(SegmentHeader, service_offset, 208);
  EXPECT_OFFSET(SegmentHeader, service_bytes, 212);
  EXPECT_OFFSET(SegmentHeader, command_offset, 216);
  EXPECT_OFFSET(SegmentHeader, command_bytes, 220);
  EXPECT_OFFSET(SegmentHeader, labels_offset, 224);
  EXPECT_OFFSET(SegmentHeader, labels_bytes, 228);
  EXPECT_OFFSET(SegmentHeader, probe_version_offset, 232);
  EXPECT_OFFSET(SegmentHeader, probe_version_bytes, 236);
  EXPECT_OFFSET(SegmentHeader, control, 256);
  EXPECT_OFFSET(SegmentHeader, series_count, 320);
  EXPECT_OFFSET(SegmentHeader, strings_used, 324);
  EXPECT_OFFSET(SegmentHeader, lanes_used, 328);
  EXPECT_OFFSET(SegmentHeader, slots_used, 332);
  EXPECT_OFFSET(SegmentHeader, pool_used, 336);
  EXPECT_OFFSET(SegmentHeader, lost, 384);
  EXPECT_OFFSET(SegmentHeader, dropped, 448);
  EXPECT_OFFSET(SegmentHeader, clamped, 512);
  EXPECT_OFFSET(SegmentHeader, negative_clock, 520);
  EXPECT_OFFSET(SegmentHeader, coarse_samples, 528);
  EXPECT_OFFSET(SegmentHeader, overflow_series, 536);
  EXPECT_OFFSET(SegmentHeader, requests_started, 544);
  EXPECT_OFFSET(SegmentHeader, requests_ended, 552);
}

TEST(SegmentLayout_Offsets, SeriesEntry) {
  EXPECT_EQ(sizeof(SeriesEntry), size_t{64});
  EXPECT_OFFSET(SeriesEntry, state, 0);
  EXPECT_OFFSET(SeriesEntry, kind, 4);
  EXPECT_OFFSET(SeriesEntry, outcome, 5);
  EXPECT_OFFSET(SeriesEntry, scale, 6);
  EXPECT_OFFSET(SeriesEntry, resolution, 7);
  EXPECT_OFFSET(SeriesEntry, path_offset, 8);
  EXPECT_OFFSET(SeriesEntry, labels_offset, 12);
  EXPECT_OFFSET(SeriesEntry, error_offset, 16);
  EXPECT_OFFSET(SeriesEntry, unit_offset, 20);
  EXPECT_OFFSET(SeriesEntry, path_bytes, 24);
  EXPECT_OFFSET(SeriesEntry, labels_bytes, 26);
  EXPECT_OFFSET(SeriesEntry, error_bytes, 28);
  EXPECT_OFFSET(SeriesEntry, unit_bytes, 30);
  EXPECT_OFFSET(SeriesEntry, is_signed, 32);
  EXPECT_OFFSET(SeriesEntry, is_overflow, 33);
  EXPECT_OFFSET(SeriesEntry, reserved, 34);
}

TEST(SegmentLayout_Offsets, Lane) {
  EXPECT_EQ(sizeof(Lane), size_t{192});
  EXPECT_OFFSET(Lane, state, 0);
  EXPECT_OFFSET(Lane, owner_tid, 4);
  EXPECT_OFFSET(Lane, reserved0, 8);
  EXPECT_OFFSET(Lane, in_flight, 64);
  EXPECT_OFFSET(Lane, timing_head, 72);
  EXPECT_OFFSET(Lane, timing_dropped, 80);
  EXPECT_OFFSET(Lane, request_head, 88);
  EXPECT_OFFSET(Lane, request_records, 96);
  EXPECT_OFFSET(Lane, request_dropped, 104);
  EXPECT_OFFSET(Lane, cached_timing_tail, 112);
  EXPECT_OFFSET(Lane, cached_request_tail, 120);
  EXPECT_OFFSET(Lane, timing_tail, 128);
  EXPECT_OFFSET(Lane, request_tail, 136);
  EXPECT_OFFSET(Lane, reserved1, 144);
}

TEST(SegmentLayout_Offsets, ExtremeSlot) {
  EXPECT_EQ(sizeof(ExtremeSlot), size_t{24});
  EXPECT_OFFSET(ExtremeSlot, tag, 0);
  EXPECT_OFFSET(ExtremeSlot, min, 8);
  EXPECT_OFFSET(ExtremeSlot, max, 16);
}

TEST(SegmentLayout_Offsets, BlockHead) {
  EXPECT_EQ(sizeof(BlockHead), size_t{128});
  EXPECT_OFFSET(BlockHead, series, 0);
  EXPECT_OFFSET(BlockHead, units, 4);
  EXPECT_OFFSET(BlockHead, kind, 6);
  EXPECT_OFFSET(BlockHead, sign_count, 7);
  EXPECT_OFFSET(BlockHead, sum, 8);
  EXPECT_OFFSET(BlockHead, zero_count, 16);
  EXPECT_OFFSET(BlockHead, extremes, 24);
  EXPECT_OFFSET(BlockHead, last_ticks, 72);
  EXPECT_OFFSET(BlockHead, last, 80);
  EXPECT_OFFSET(BlockHead, reserved, 88);
}

TEST(SegmentLayout_Offsets, BlockTable) {
  EXPECT_EQ(sizeof(BlockTable), size_t{768});
  EXPECT_OFFSET(BlockTable, page, 0);
  EXPECT_OFFSET(BlockTable, coarse, 256);
}

TEST(SegmentLayout_Offsets, TimingRecord) {
  EXPECT_EQ(sizeof(TimingRecord), size_t{24});
  EXPECT_OFFSET(TimingRecord, start_ticks, 0);
  EXPECT_OFFSET(TimingRecord, value, 8);
  EXPECT_OFFSET(TimingRecord, series, 16);
  EXPECT_OFFSET(TimingRecord, reserved, 20);
}

TEST(SegmentLayout_Offsets, SlotHead) {
  EXPECT_EQ(sizeof(SlotHead), size_t{56});
  EXPECT_OFFSET(SlotHead, lifecycle, 0);
  EXPECT_OFFSET(SlotHead, used_bytes, 8);
  EXPECT_OFFSET(SlotHead, current_step, 12);
  EXPECT_OFFSET(SlotHead, id, 16);
  EXPECT_OFFSET(SlotHead, start_ticks, 32);
  EXPECT_OFFSET(SlotHead, series_ok, 40);
  EXPECT_OFFSET(SlotHead, reserved0, 44);
  EXPECT_OFFSET(SlotHead, reserved1, 48);
}

TEST(SegmentLayout_Offsets, EntryHead) {
  EXPECT_EQ(sizeof(EntryHead), size_t{8});
  EXPECT_OFFSET(EntryHead, word, 0);
  EXPECT_OFFSET(EntryHead, owner, 4);
}

TEST(SegmentLayout_Offsets, StepEntry) {
  EXPECT_EQ(sizeof(StepEntry), size_t{32});
  EXPECT_OFFSET(StepEntry, head, 0);
  EXPECT_OFFSET(StepEntry, start_ticks, 8);
  EXPECT_OFFSET(StepEntry, duration_ns, 16);
  EXPECT_OFFSET(StepEntry, series, 24);
  EXPECT_OFFSET(StepEntry, reserved, 28);
}

TEST(SegmentLayout_Offsets, AttributeEntry) {
  EXPECT_EQ(sizeof(AttributeEntry), size_t{16});
  EXPECT_OFFSET(AttributeEntry, head, 0);
  EXPECT_OFFSET(AttributeEntry, type, 8);
  EXPECT_OFFSET(AttributeEntry, reserved, 9);
  EXPECT_OFFSET(AttributeEntry, key_bytes, 10);
  EXPECT_OFFSET(AttributeEntry, value_bytes, 12);
}

TEST(SegmentLayout_Offsets, RequestRecord) {
  EXPECT_EQ(sizeof(RequestRecord), size_t{48});
  EXPECT_OFFSET(RequestRecord, total_bytes, 0);
  EXPECT_OFFSET(RequestRecord, flags, 4);
  EXPECT_OFFSET(RequestRecord, id, 8);
  EXPECT_OFFSET(RequestRecord, start_ticks, 24);
  EXPECT_OFFSET(RequestRecord, duration_ns, 32);
  EXPECT_OFFSET(RequestRecord, series, 40);
  EXPECT_OFFSET(RequestRecord, entry_bytes, 44);
}

TEST(SegmentLayout_Constants, AreWhatTheFormatSays) {
  EXPECT_EQ(kSegmentMagic, 0x3147455344495352u);
  EXPECT_EQ(kSegmentMajor, 1);
  EXPECT_EQ(kHeaderBytes, 4096u);
  EXPECT_EQ(kPoolUnitBytes, 64u);
  EXPECT_EQ(kControlIntervalMask, 0xffffffffu);
  EXPECT_EQ(kControlEnabled, uint64_t{1} << 32);
  EXPECT_EQ(kControlRetired, uint64_t{1} << 33);
  EXPECT_EQ(kSlotUsersMask, 0xffffu);
  EXPECT_EQ(kSlotOpen, 0x10000u);
  EXPECT_EQ(kSlotEnded, 0x20000u);
  EXPECT_EQ(kSlotGenerationShift, 32);
  EXPECT_EQ(kEntrySizeMask, 0x00ffffffu);
  EXPECT_EQ(kEntryTypeShift, 24);
  EXPECT_EQ(kRequestPadding, 1u);
}

TEST(SegmentLayout_Constants, StatesKeepTheirNumbers) {
  EXPECT_EQ(static_cast<int>(EntryState::kFree), 0);
  EXPECT_EQ(static_cast<int>(EntryState::kReserved), 1);
  EXPECT_EQ(static_cast<int>(EntryState::kReady), 2);
  EXPECT_EQ(static_cast<int>(LaneState::kFree), 0);
  EXPECT_EQ(static_cast<int>(LaneState::kOwned), 1);
  EXPECT_EQ(static_cast<int>(LaneState::kShared), 2);
  EXPECT_EQ(static_cast<int>(ClockKind::kMonotonic), 1);
  EXPECT_EQ(static_cast<int>(ClockKind::kTsc), 2);
  EXPECT_EQ(static_cast<int>(EntryType::kUnwritten), 0);
  EXPECT_EQ(static_cast<int>(EntryType::kReserved), 1);
  EXPECT_EQ(static_cast<int>(EntryType::kStepOpen), 2);
  EXPECT_EQ(static_cast<int>(EntryType::kStepDone), 3);
  EXPECT_EQ(static_cast<int>(EntryType::kAttribute), 4);
  EXPECT_EQ(static_cast<int>(EntryType::kErrorMessage), 5);
  EXPECT_EQ(static_cast<int>(AttributeType::kString), 1);
  EXPECT_EQ(static_cast<int>(AttributeType::kInteger), 2);
  EXPECT_EQ(static_cast<int>(AttributeType::kDouble), 3);
  EXPECT_EQ(static_cast<int>(AttributeType::kBool), 4);
}

TEST(SegmentLayout_Sizes, PagesAndBlocksArePoolUnits) {
  EXPECT_EQ(PageBytes(0), 8u);
  EXPECT_EQ(PageUnits(0), 1u);
  EXPECT_EQ(PageBytes(6), 512u);
  EXPECT_EQ(PageUnits(6), 8u);
  EXPECT_EQ(PageUnits(8), 32u);
  EXPECT_EQ(BlockUnits(0), 2u);
  EXPECT_EQ(BlockUnits(1), 14u);
  EXPECT_EQ(BlockUnits(2), 26u);
}

}  // namespace
}  // namespace ringside::proto
