// AMD's and Intel's GPUs from a tree that looks like sysfs, processes from fdinfo.
#include "agent/drm_sampler.h"

#include "tests/agent/sampler_fixture.h"

namespace ringside::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::StartsWith;

class DrmSamplerTest : public SamplerTest {
 protected:
  DrmSamplerTest() {
    Follow(80, "ocr");
    AddCard("card0", "0x1002", "0000:03:00.0", "amdgpu");
    AddCard("card1", "0x8086", "0000:00:02.0", "xe");
    MakeDirectory("sys/class/drm/card0-DP-1");
    MakeDirectory("sys/class/drm/renderD128");
  }
  void AddCard(const std::string& card, const std::string& vendor, const std::string& pci,
               const std::string& driver) const {
    const std::string device = "sys/devices/" + pci;
    Write(device + "/vendor", vendor + "\n");
    Link(device + "/driver", "../../bus/pci/drivers/" + driver);
    MakeDirectory("sys/class/drm/" + card);
    Link("sys/class/drm/" + card + "/device", "../../../devices/" + pci);
  }
  void WriteAmd() const {
    const std::string device = "sys/devices/0000:03:00.0/";
    Write(device + "gpu_busy_percent", "37\n");
    Write(device + "mem_busy_percent", "12\n");
    Write(device + "mem_info_vram_total", "17163091968\n");
    Write(device + "mem_info_vram_used", "4294967296\n");
    Write(device + "hwmon/hwmon4/temp1_input", "54500\n");
    Write(device + "hwmon/hwmon4/power1_average", "91000000\n");
    Write(device + "hwmon/hwmon4/power1_cap", "203000000\n");
    Write(device + "hwmon/hwmon4/freq1_input", "2105000000\n");
    Write(device + "hwmon/hwmon4/freq2_input", "1000000000\n");
    Write(device + "ras/umc_err_count", "ue: 1\nce: 9\n");
  }
  // A descriptor of the process, as the driver shows it.
  void OpenFile(int fd, const std::string& node, const std::string& info) const {
    const std::string number = std::to_string(fd);
    Remove("proc/80/fd/" + number);
    Link("proc/80/fd/" + number, node);
    Write("proc/80/fdinfo/" + number, "pos:\t0\nflags:\t02100002\nmnt_id:\t26\n" + info);
  }
  void OpenAmd(int fd, int client, uint64_t vram_kib, uint64_t gfx_ns) const {
    OpenFile(fd, "/dev/dri/renderD128",
             "drm-driver:\tamdgpu\ndrm-client-id:\t" + std::to_string(client) +
                 "\ndrm-pdev:\t0000:03:00.0\npasid:\t32770\ndrm-memory-vram:\t" +
                 std::to_string(vram_kib) + " KiB\ndrm-memory-gtt: \t2048 KiB\n" +
                 "drm-engine-gfx:\t" + std::to_string(gfx_ns) +
                 " ns\ndrm-engine-capacity-gfx:\t1\n");
  }
  void OpenXe(int fd, uint64_t busy, uint64_t total) const {
    OpenFile(fd, "/dev/dri/renderD129",
             "drm-driver:\txe\ndrm-client-id:\t3\ndrm-pdev:\t0000:00:02.0\n"
             "drm-total-vram0:\t24000 KiB\ndrm-resident-vram0:\t16 MiB\n"
             "drm-resident-system:\t0\ndrm-cycles-rcs:\t" +
                 std::to_string(busy) + "\ndrm-total-cycles-rcs:\t" + std::to_string(total) + "\n");
  }

  DrmSampler amd_{DrmSampler::Vendor::kAmd, Proc(), Sys()};
  DrmSampler intel_{DrmSampler::Vendor::kIntel, Proc(), Sys()};
};

TEST_F(DrmSamplerTest, Amd_TheCard) {
  WriteAmd();
  auto samples = Sample(&amd_);
  EXPECT_NEAR(Real(samples["gpu.utilization/card0"]), 0.37, 1e-6);
  EXPECT_NEAR(Real(samples["gpu.memory.utilization/card0"]), 0.12, 1e-6);
  EXPECT_EQ(Real(samples["gpu.memory.total/card0"]), 17163091968);
  EXPECT_EQ(Real(samples["gpu.memory.used/card0"]), 4294967296);
  EXPECT_NEAR(Real(samples["gpu.temperature/card0"]), 54.5, 1e-6);
  EXPECT_NEAR(Real(samples["gpu.power/card0"]), 91, 1e-6);
  EXPECT_NEAR(Real(samples["gpu.power.limit/card0"]), 203, 1e-6);
  EXPECT_EQ(Real(samples["gpu.clock.sm/card0"]), 2105e6);
  EXPECT_EQ(Real(samples["gpu.clock.memory/card0"]), 1000e6);
  EXPECT_EQ(Real(samples["gpu.ecc.errors.total/card0/corrected"]), 9);
  EXPECT_EQ(Real(samples["gpu.ecc.errors.total/card0/uncorrected"]), 1);
  EXPECT_EQ(Real(samples["gpu.info/amdgpu/card0/0000:03:00.0/amd"]), 1);
  EXPECT_THAT(samples, Not(Contains(Key(StartsWith("gpu.info/xe")))));
  EXPECT_THAT(Notes(), ElementsAre("1 AMD GPUs"));
}

TEST_F(DrmSamplerTest, Amd_ProcessesByTheirClients) {
  WriteAmd();
  OpenAmd(5, 1, 1024, 1000000000);
  OpenAmd(6, 1, 1024, 1000000000);  // the same client again
  OpenAmd(7, 2, 512, 0);
  OpenFile(8, "/tmp/x", "drm-client-id:\t9\ndrm-pdev:\t0000:03:00.0\ndrm-memory-vram:\t9 KiB\n");
  auto first = Sample(&amd_);
  EXPECT_EQ(Real(first["process.gpu.memory/card0/80/ocr"]), 1536 * 1024);
  EXPECT_EQ(Real(first["process.gpu.memory.system/card0/80/ocr"]), 2 * 2048 * 1024);
  EXPECT_EQ(Real(first["gpu.memory.held/card0/producer"]), 1536 * 1024);
  EXPECT_EQ(Real(first["gpu.memory.held/card0/unknown"]), 4294967296 - 1536 * 1024);
  OpenAmd(5, 1, 1024, 1500000000);
  Remove("proc/80/fd/6");
  auto second = Sample(&amd_);
  EXPECT_NEAR(Real(second["process.gpu.time/gfx/card0/80/ocr"]), 0.5, 1e-5);
}

TEST_F(DrmSamplerTest, Intel_TheCardAndItsProcesses) {
  Write("sys/class/drm/card1/gt/gt0/rps_act_freq_mhz", "1150\n");
  Write("sys/devices/0000:00:02.0/hwmon/hwmon1/energy1_input", "5000000\n");
  OpenXe(4, 100, 1000);
  auto first = Sample(&intel_);
  EXPECT_EQ(Real(first["gpu.clock.sm/card1"]), 1150e6);
  EXPECT_EQ(Real(first["process.gpu.memory/card1/80/ocr"]), 16 << 20);
  EXPECT_THAT(first, Not(Contains(Key(StartsWith("gpu.utilization")))));
  EXPECT_THAT(first, Not(Contains(Key(StartsWith("gpu.memory.held"))))) << "the card's is unknown";
  Write("sys/devices/0000:00:02.0/hwmon/hwmon1/energy1_input", "7500000\n");
  OpenXe(4, 350, 2000);
  auto second = Sample(&intel_);
  EXPECT_NEAR(Real(second["process.gpu.utilization/rcs/card1/80/ocr"]), 0.25, 1e-6);
  EXPECT_NEAR(Real(second["gpu.energy/card1"]), 2.5, 1e-3);
}

TEST_F(DrmSamplerTest, Search_ACardThatComesLaterIsFound) {
  Remove("sys/class/drm/card0");
  EXPECT_THAT(Sample(&amd_), IsEmpty());
  EXPECT_THAT(Notes(), IsEmpty()) << "no GPU is normal";
  MakeDirectory("sys/class/drm/card0");
  Link("sys/class/drm/card0/device", "../../../devices/0000:03:00.0");
  EXPECT_THAT(Sample(&amd_, 60), Not(IsEmpty()));
}

TEST_F(DrmSamplerTest, Malicious_FdinfoOfNonsenseIsLeftOut) {
  EXPECT_FALSE(ParseDrmFdinfo("").has_value());
  EXPECT_FALSE(ParseDrmFdinfo("drm-client-id: x\ndrm-pdev: a\n").has_value());
  EXPECT_FALSE(ParseDrmFdinfo("drm-client-id: 1\n").has_value());
  std::string many = "drm-client-id: 1\ndrm-pdev: a\n";
  for (int i = 0; i < 1000; ++i) many += "drm-engine-" + std::to_string(i) + ": 1 ns\n";
  const auto client = ParseDrmFdinfo(many + "drm-resident-vram0: 5 parsecs\n");
  ASSERT_TRUE(client.has_value());
  EXPECT_LE(client->engine_ns.size(), 16u);
  EXPECT_FALSE(client->device_bytes.has_value());
}

}  // namespace
}  // namespace ringside::agent
