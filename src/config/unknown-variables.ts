import { distance, isSwap } from './nearest.js';

/** What others set, although it is nearly one of ours. */
const OF_OTHERS = ['EMAIL_FROM', 'LOGLEVEL'];

/** What Kubernetes and Docker set for each service, such as one that is named `data`. `DATA_PORT` is told by its value. */
const OF_SERVICES = /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const VALUE_OF_SERVICE = /^(tcp|udp|sctp):\/\//;

/** In a name that is shorter, one slip makes the name of something else: PORT and SORT. Only two exchanged letters count. */
const SHORT = 6;
/** How many letters of a word are its stem. */
const STEM = 4;
/** From this length on, two slips are forgiven. */
const LONG = 12;

/**
 * @param set the variables that are set
 * @param ours the names of all settings
 * @returns what is wrong with those that are no settings, but look like a slip of one; whatever else is set is none of our
 *   business
 */
export function problemsOfUnknown(set: Record<string, string>, ours: readonly string[]): string[] {
  return Object.keys(set)
    .filter((name) => !VALUE_OF_SERVICE.test(set[name] ?? ''))
    .filter((name) => !ours.includes(name) && !OF_OTHERS.includes(name) && !OF_SERVICES.test(name))
    .flatMap((name) => {
      const meant = settingMeantBy(name, ours);
      return meant === undefined ? [] : [`${name} is not a setting. Did you mean ${meant}?`];
    });
}

function settingMeantBy(name: string, ours: readonly string[]): string | undefined {
  const near = ours
    .map((setting) => ({ setting, slips: slipsBetween(name, setting) }))
    .filter(({ slips }) => slips !== undefined)
    .sort((one, other) => (one.slips ?? 0) - (other.slips ?? 0));
  return near[0]?.setting;
}

/** The beginnings of the words of a name, in no order: EMAIL_VERIFY has those of EMAIL_VERIFICATION. */
function stemsOf(name: string): string {
  const words = name.toUpperCase().split('_');
  return words
    .map((word) => word.slice(0, STEM))
    .sort()
    .join('_');
}

/** @returns undefined: they have nothing to do with each other */
function slipsBetween(name: string, setting: string): number | undefined {
  if (setting.length < SHORT) return isSwap(name, setting) ? 1 : undefined;
  if (stemsOf(name) === stemsOf(setting) && setting.includes('_')) return 2;
  const most = setting.length < LONG ? 1 : 2;
  if (Math.abs(name.length - setting.length) > most) return undefined;
  const slips = distance(name.toUpperCase(), setting);
  return slips <= most ? slips : undefined;
}
