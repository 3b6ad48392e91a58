#include "agent/owner_rule.h"

#include <algorithm>
#include <charconv>

#include <grp.h>

namespace ringside::agent {
namespace {

constexpr const char* kUidLabel = "uid";

}  // namespace

std::string OwnerRule::Refusal(const struct stat& file) const {
  constexpr mode_t kGroupAccess = S_IRGRP | S_IWGRP;
  if (all || file.st_uid == uid) return {};
  if (has_group && file.st_gid == group && (file.st_mode & kGroupAccess) == kGroupAccess) return {};
  std::string reason = "belongs to user " + std::to_string(file.st_uid) +
                       "; this agent reads those of user " + std::to_string(uid);
  if (has_group) reason += " and of group " + std::to_string(group);
  return reason + " (run it as root, or share a group: --group)";
}

proto::Result<OwnerRule> MakeOwnerRule(const std::string& group) {
  OwnerRule rule;
  if (group.empty()) return rule;
  const char* const end = group.data() + group.size();
  const auto [rest, error] = std::from_chars(group.data(), end, rule.group);
  if (error != std::errc() || rest != end) {
    const struct group* const entry = getgrnam(group.c_str());
    if (entry == nullptr) {
      return proto::Status::Error("group \"" + group + "\": there is none of that name (--group)");
    }
    rule.group = entry->gr_gid;
  }
  rule.has_group = true;
  return rule;
}

void LabelOwner(uid_t owner, proto::LabelList* labels) {
  labels->erase(std::remove_if(labels->begin(), labels->end(),
                               [](const auto& label) { return label.first == kUidLabel; }),
                labels->end());
  if (owner == geteuid()) return;
  if (labels->size() == proto::kMaxLabels) labels->pop_back();  // the owner is worth more
  labels->emplace_back(kUidLabel, std::to_string(owner));
  std::sort(labels->begin(), labels->end());
}

}  // namespace ringside::agent
