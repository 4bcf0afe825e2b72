//! How much memory the system lets this process have (Linux): the machine's, its control groups' share of it, its own limits.

use std::fs;
use std::path::{Path, PathBuf};

/// The least of all limits there are below `root`, which is `/` but in tests; none where the system does not tell.
pub(super) fn least(root: &Path) -> Option<u64> {
    let machine = machine(root)?;
    Some(control_groups(root).into_iter().chain(of_process(root)).fold(machine, u64::min))
}

fn machine(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}

/// `ulimit -v` and `ulimit -d`, in bytes; `unlimited` is none.
fn of_process(root: &Path) -> Vec<u64> {
    let text = fs::read_to_string(root.join("proc/self/limits")).unwrap_or_default();
    let soft = |line: &str| {
        let values = line.strip_prefix("Max address space").or_else(|| line.strip_prefix("Max data size"))?;
        values.split_whitespace().next()?.parse().ok()
    };
    text.lines().filter_map(soft).collect()
}

/// The limits of the process's control group and of all groups around it, in both versions; `max` and the like are none.
fn control_groups(root: &Path) -> Vec<u64> {
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let (groups, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::of).collect();
    let mut limits = Vec::new();
    for line in groups.lines() {
        let Some((controllers, group)) = line.split_once(':').and_then(|(_, rest)| rest.split_once(':'))
        else {
            continue;
        };
        let is_second = controllers.is_empty();
        if !is_second && !controllers.split(',').any(|controller| controller == "memory") {
            continue;
        }
        for mount in mounts.iter().filter(|mount| mount.is_second == is_second) {
            let file = if is_second { "memory.max" } else { "memory.limit_in_bytes" };
            let folders = mount.folders(root, group);
            limits.extend(
                folders.filter_map(|folder| {
                    fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok()
                }),
            );
        }
    }
    limits
}

/// Where groups are seen as folders.
struct Mount<'a> {
    /// Of the second version, or of the first with the memory controller.
    is_second: bool,
    /// The group that is seen at `place`; in a container often its own.
    top: &'a str,
    place: &'a str,
}

impl<'a> Mount<'a> {
    /// Of a line of `mountinfo`: numbers, top, place, options, `-`, type, source, options.
    fn of(line: &'a str) -> Option<Self> {
        let (mount, kind) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (top, place) = (mount.next()?, mount.next()?);
        let mut kind = kind.split(' ');
        let (kind, options) = (kind.next()?, kind.nth(1).unwrap_or_default());
        match kind {
            "cgroup2" => Some(Self { is_second: true, top, place }),
            "cgroup" if options.split(',').any(|option| option == "memory") => {
                Some(Self { is_second: false, top, place })
            }
            _ => None,
        }
    }

    /// The folders of `group` and those around it. Of a group that is not seen from here, those that are.
    fn folders(&self, root: &Path, group: &str) -> impl Iterator<Item = PathBuf> {
        let inner = Path::new(group).strip_prefix(self.top).unwrap_or(Path::new(group));
        let inner = inner.strip_prefix("/").unwrap_or(inner).to_owned();
        let place = root.join(self.place.trim_start_matches('/'));
        let inner: Vec<PathBuf> = inner.ancestors().map(Path::to_owned).collect();
        inner.into_iter().map(move |inner| place.join(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system of 16 GiB.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [("proc/meminfo", "MemTotal:       16777216 kB\n")].iter().chain(files) {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const SECOND: (&str, &str) =
        ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n");

    #[test]
    fn without_limits_there_is_what_the_machine_has() {
        assert_eq!(least(system(&[]).path()), Some(16 << 30));
        let limits = (
            "proc/self/limits",
            "Max address space         unlimited            unlimited            bytes\n",
        );
        let group = ("proc/self/cgroup", "0::/\n");
        let max = ("sys/fs/cgroup/memory.max", "max\n");
        assert_eq!(least(system(&[SECOND, limits, group, max]).path()), Some(16 << 30));
        assert_eq!(least(Path::new("/nowhere")), None);
    }

    #[test]
    fn the_least_of_nested_groups_counts() {
        let group = ("proc/self/cgroup", "0::/user.slice/job/step\n");
        let limits = [
            ("sys/fs/cgroup/user.slice/memory.max", "4000000000\n"),
            ("sys/fs/cgroup/user.slice/job/memory.max", "3000000000\n"),
            ("sys/fs/cgroup/user.slice/job/step/memory.max", "max\n"),
            ("sys/fs/cgroup/other/memory.max", "5\n"),
        ];
        let files = [&[SECOND, group], &limits[..]].concat();
        assert_eq!(least(system(&files).path()), Some(3_000_000_000));
    }

    #[test]
    fn groups_of_the_first_version_count_wherever_they_are_mounted() {
        let mounts = "32 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      35 31 0:34 / /groups/memory rw - cgroup cgroup rw,memory\n";
        let files = [
            ("proc/self/mountinfo", mounts),
            ("proc/self/cgroup", "4:memory:/batch/7\n1:cpu:/\n0::/\n"),
            ("groups/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("groups/memory/batch/7/memory.limit_in_bytes", "2000000000\n"),
        ];
        assert_eq!(least(system(&files).path()), Some(2_000_000_000));
    }

    /// A container sees its group as the top, under its name on the host.
    #[test]
    fn the_group_of_a_container_counts() {
        let mounts = "35 31 0:34 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let files = [
            ("proc/self/mountinfo", mounts),
            ("proc/self/cgroup", "4:memory:/docker/abc/inner\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000000\n"),
            ("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "1000000000\n"),
        ];
        assert_eq!(least(system(&files).path()), Some(1_000_000_000));
    }

    /// The test starts itself again with less address space than any machine it runs on has memory.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_limit_of_the_address_space_counts() {
        const UNDER_THE_LIMIT: &str = "RMTL_ENVS_ADDRESS_SPACE_LIMIT";
        if std::env::var_os(UNDER_THE_LIMIT).is_some() {
            assert!(crate::available_memory().unwrap() <= 1_500_000 << 10);
            return;
        }
        let limited = "ulimit -v 1500000; exec \"$0\" --exact \"$1\"";
        let name = "memory::limit::tests::a_limit_of_the_address_space_counts";
        let mut child = std::process::Command::new("bash");
        child.args(["-c", limited, std::env::current_exe().unwrap().to_str().unwrap(), name]);
        let child = child.env(UNDER_THE_LIMIT, "1").output().unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
    }
}
