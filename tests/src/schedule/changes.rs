//! How the devices of a schedule change: by chance, or such that pages lose a device.

use std::ops::Range;

use things_sim::{Change, ChangeRule, DeviceList, Quirk, SortByUuid, When};

use super::Schedule;
use crate::dice::Dice;

/// Devices whose `uuid` begins so come before all others, or behind them.
const FIRST_UUID: &str = "00000000-0000-4000-8000-";
const LAST_UUID: &str = "ffffffff-ffff-4fff-bfff-";

/// Names that begin so come before all others.
const FIRST_NAME: &str = "!";

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Quiet,
    /// Devices are added, removed, renamed and returned by chance.
    Uniform,
    Removals,
    Additions,
    Renames,
    /// Many at once.
    Burst,
    /// As many are added as are removed, so that the total stays.
    Balanced,
    /// Some devices are missing from one page and back on the next.
    Skips,
    /// Devices come and go in front of all others.
    Front,
    /// The first devices of the page that is read are removed: they would have linked it.
    Anchors,
    /// As many devices are removed in front as pages may overlap by.
    Shift,
    /// One device is moved out of each page that would hold it, by changes in front of it.
    Hide,
    /// One device is removed before each page that would hold it, and returns after it.
    Flap,
    /// Devices that were not read yet get a name that lies in front.
    Overtake,
}

impl Kind {
    pub(super) fn draw(dice: &Dice) -> Self {
        dice.pick([
            Self::Quiet,
            Self::Quiet,
            Self::Quiet,
            Self::Quiet,
            Self::Uniform,
            Self::Uniform,
            Self::Removals,
            Self::Additions,
            Self::Renames,
            Self::Burst,
            Self::Balanced,
            Self::Skips,
            Self::Front,
            Self::Anchors,
            Self::Shift,
            Self::Hide,
            Self::Flap,
            Self::Overtake,
        ])
    }

    /// The changes of which the simulator decides what they are made to.
    pub(super) fn rules(self, devices: u64, dice: &Dice) -> Vec<ChangeRule> {
        let often = When::Chance(dice.pick([0.1, 0.3, 1.0]));
        let some = dice.pick([1, 1, 2, 5]);
        let many = (devices * (5 + dice.below(45)) / 100) as usize + 1;
        let at = 2 + dice.below(6);
        let at = When::Calls(at..=at);
        let any: [fn(usize) -> Change; 4] = [Change::Add, Change::Remove, Change::Rename, Change::Return];
        let changes = match self {
            Self::Uniform => any.map(|change| (often.clone(), change(some))).to_vec(),
            Self::Removals => vec![(often, Change::Remove(some))],
            Self::Additions => vec![(often, Change::Add(some))],
            Self::Renames => vec![(often, Change::Rename(some))],
            Self::Burst => vec![(at.clone(), dice.pick(any)(many)), (at, dice.pick(any)(some))],
            Self::Balanced => {
                let often = When::Every(dice.pick([1, 2, 3]));
                vec![(often.clone(), Change::Remove(some)), (often, Change::Add(some))]
            }
            Self::Skips => vec![(often, Change::Skip(some))],
            _ => Vec::new(),
        };
        changes.into_iter().map(|(when, change)| ChangeRule { when, change }).collect()
    }
}

/// What a request asks for.
pub(super) struct Asked {
    pub(super) page: u64,
    size: usize,
    descending: bool,
}

impl Asked {
    pub(super) fn read(query: &str) -> Self {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let number = |name, usual| value(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
        Self {
            page: number("currentPage", 0),
            size: number("pageSize", 20) as usize,
            descending: value("sortOrder") == Some("DESC"),
        }
    }
}

/// The changes of a listing that has begun.
pub(super) struct Changes {
    kind: Kind,
    by_name: bool,
    always_ascending: bool,
    cap: usize,
    /// The device that is picked on.
    victim: Option<String>,
    removed: bool,
    added: u64,
}

impl Changes {
    pub(super) fn new(schedule: &Schedule) -> Self {
        let cap = schedule.quirks.iter().find_map(|quirk| match *quirk {
            Quirk::PageSizeCap(most) | Quirk::SilentPageSizeCap(most) => Some(most),
            _ => None,
        });
        Self {
            kind: schedule.kind,
            by_name: schedule.quirks.contains(&Quirk::SortByUuid(SortByUuid::Ignored)),
            always_ascending: schedule.quirks.contains(&Quirk::SortOrderIgnored),
            cap: cap.unwrap_or(usize::MAX),
            victim: None,
            removed: false,
            added: 0,
        }
    }

    /// Makes the changes that come before this page.
    pub(super) fn make(&mut self, list: &DeviceList, asked: &Asked, dice: &Dice) {
        if !matches!(
            self.kind,
            Kind::Front | Kind::Anchors | Kind::Shift | Kind::Hide | Kind::Flap | Kind::Overtake
        ) {
            return;
        }
        let mut order = list.uuids();
        if !self.by_name {
            order.sort_unstable();
        }
        let descending = asked.descending && !self.always_ascending;
        if descending {
            order.reverse();
        }
        let size = asked.size.min(self.cap);
        let start = size.saturating_mul(asked.page as usize).min(order.len());
        let end = (start + size).min(order.len());
        let some = 1 + dice.below(6) as usize;
        let (before, rest) = order.split_at(start);
        match self.kind {
            Kind::Front if dice.percent(50) => self.add_first(list, descending, some),
            Kind::Front => remove(list, order.iter().take(some)),
            Kind::Anchors if dice.percent(50) => remove(list, rest.iter().take(some)),
            Kind::Shift if dice.percent(60) => remove(list, before.iter().take(some)),
            Kind::Overtake if dice.percent(50) => {
                // Those behind the page are yet to be read.
                for uuid in order.iter().skip(end).step_by(some) {
                    // Equal names would come in the order of the ids.
                    let name = format!("{FIRST_NAME}{:016x}", dice.roll());
                    list.change(&Change::RenameDevice { uuid: uuid.clone(), name });
                }
            }
            Kind::Hide => self.hide(list, descending, &order, start..end, dice),
            Kind::Flap => self.flap(list, &order, &(start..end), dice),
            _ => {}
        }
    }

    /// Adds devices in front of all others, in the order that the page has.
    fn add_first(&mut self, list: &DeviceList, descending: bool, count: usize) {
        let begin = if descending { LAST_UUID } else { FIRST_UUID };
        for _ in 0..count {
            self.added += 1;
            let uuid = format!("{begin}{:012x}", self.added);
            // The ids do not ascend in the order of the names.
            let name = format!("{FIRST_NAME}{:016x}", u64::MAX - self.added);
            list.change(&Change::AddDevice { uuid, name });
        }
    }

    /// The device that is picked on, and its place.
    fn pick_on(&mut self, order: &[String], dice: &Dice) -> Option<usize> {
        if self.victim.is_none() {
            let place = dice.below(order.len().max(1) as u64) as usize;
            self.victim = order.get(place).cloned();
        }
        let victim = self.victim.as_ref()?;
        order.iter().position(|uuid| uuid == victim)
    }

    fn hide(
        &mut self,
        list: &DeviceList,
        descending: bool,
        order: &[String],
        page: Range<usize>,
        dice: &Dice,
    ) {
        let Some(place) = self.pick_on(order, dice).filter(|place| page.contains(place)) else { return };
        let (back, forth) = (place + 1 - page.start, page.end - place);
        if back <= forth && back <= page.start {
            remove(list, order.iter().take(back));
        } else if self.added < 400 {
            self.add_first(list, descending, forth);
        }
    }

    fn flap(&mut self, list: &DeviceList, order: &[String], page: &Range<usize>, dice: &Dice) {
        let place = self.pick_on(order, dice);
        let Some(victim) = &self.victim else { return };
        if self.removed {
            list.change(&Change::ReturnDevices(vec![victim.clone()]));
            self.removed = false;
        } else if place.is_some_and(|place| page.contains(&place)) {
            remove(list, [victim].into_iter());
            self.removed = true;
        }
    }
}

fn remove<'a>(list: &DeviceList, devices: impl Iterator<Item = &'a String>) {
    list.change(&Change::RemoveDevices(devices.cloned().collect()));
}
