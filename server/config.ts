/**
 * Reads the settings of config-table.ts from the environment and the command line.
 *
 * All faults are reported at once, in one BAD_CONFIG: a value that is no number, out of bounds or of
 * another form, two settings that contradict each other, and a TUMAR_RELAY_ name that is no setting
 * (a mistyped limit must not silently be the default). `process.env` is read by main.ts only.
 */

import { TumarError } from "../shared/crypto/errors.ts";
import {
  type NumberSetting,
  SETTING_PREFIX,
  SETTINGS,
  type Setting,
  type SettingName,
  type SettingValues,
  type TextSetting,
} from "./config-table.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Values as typed, by the name of the setting they override. */
export type Overrides = Readonly<Partial<Record<SettingName, string | undefined>>>;

/** @throws TumarError BAD_CONFIG naming every fault */
export function readConfig(environment: Environment, overrides: Overrides = {}): SettingValues {
  const faults = unknownNames(environment);
  const values: Record<string, string | number> = {};
  for (const [name, setting] of settings()) {
    const given = overrides[name] ?? environment[SETTING_PREFIX + name];
    const value = given === undefined ? setting.default : parseSetting(setting, given);
    if (value === undefined) faults.push(describeFault(name, setting, given ?? ""));
    else values[name] = value;
  }
  if (faults.length === 0) faults.push(...contradictions(values as SettingValues));
  if (faults.length > 0) throw new TumarError("BAD_CONFIG", faults.join("; "));
  return values as SettingValues;
}

/** The defaults, with some values replaced: for tests and for those who embed the relay. */
export function configOf(values: Partial<SettingValues> = {}): SettingValues {
  const overrides = Object.entries(values).map(([name, value]) => [name, String(value)]);
  return readConfig({}, Object.fromEntries(overrides) as Overrides);
}

function settings(): readonly (readonly [SettingName, Setting])[] {
  const table: Readonly<Record<SettingName, Setting>> = SETTINGS;
  return Object.entries(table) as [SettingName, Setting][];
}

function unknownNames(environment: Environment): string[] {
  const names = Object.keys(environment).filter((name) => name.startsWith(SETTING_PREFIX));
  return names
    .filter((name) => !Object.hasOwn(SETTINGS, name.slice(SETTING_PREFIX.length)))
    .map((name) => `${name} is not a setting`);
}

function parseSetting(setting: Setting, given: string): string | number | undefined {
  return setting.kind === "number" ? parseNumber(setting, given) : parseText(setting, given);
}

function parseNumber(setting: NumberSetting, given: string): number | undefined {
  if (!/^\d{1,15}$/.test(given)) return undefined;
  const value = Number(given);
  return value >= setting.min && value <= setting.max ? value : undefined;
}

function parseText(setting: TextSetting, given: string): string | undefined {
  return given === setting.default || new RegExp(setting.pattern).test(given) ? given : undefined;
}

function describeFault(name: SettingName, setting: Setting, given: string): string {
  const bounds =
    setting.kind === "number"
      ? `a whole number of ${setting.unit} from ${setting.min} to ${setting.max}`
      : `of the form ${setting.pattern}`;
  const isSecret = setting.kind === "text" && setting.isSecret === true;
  const found = isSecret ? "" : `, not "${given}"`;
  return `${SETTING_PREFIX}${name} must be ${bounds}${found}`;
}

function contradictions(values: SettingValues): string[] {
  const faults: string[] = [];
  if (values.SILENCE_SECONDS <= values.PING_SECONDS) {
    faults.push("TUMAR_RELAY_SILENCE_SECONDS must be more than TUMAR_RELAY_PING_SECONDS");
  }
  if (values.METRICS_PORT !== 0 && values.METRICS_PORT === values.PORT) {
    faults.push("TUMAR_RELAY_METRICS_PORT must not be TUMAR_RELAY_PORT");
  }
  return faults;
}
