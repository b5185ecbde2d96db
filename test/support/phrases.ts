/** Texts in the scripts our people write in, each different, none of them plain ASCII only. */

const SAYINGS: readonly string[] = [
  "Сәлем, мен әуежайдамын, рейс түнде",
  "سالەم، مەن اۋەجايدامىن، تەلەفونىمدى الدى",
  "ياخشىمۇسىز، مېنى ئايرودرومدا تۇتۇپ تۇرىدۇ",
  "我在机场，他们要把我送回去",
  "Құқық қорғаушыларға хабар беріңізші 🙏",
  "ئادۋوكات قاچان كېلىدۇ؟ 🕊️",
  "时间不多了，请快一点 ⏳",
  "👨‍👩‍👧‍👦 балаларға айт, бәрі жақсы",
];

/** The `index`-th text of this person. */
export function phrase(person: string, index: number): string {
  return `${person} ${index}: ${SAYINGS[index % SAYINGS.length]}`;
}

export function phrases(person: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => phrase(person, index));
}
