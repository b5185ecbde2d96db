/** What the people in the browser stories write, in the scripts they write in. */

/** Kazakh in Cyrillic, Arabic and Latin letters, Chinese, emoji. */
export const AIGUL_WRITES: readonly string[] = [
  "Сәлем, Бек! Мен әуежайдамын.",
  "Ұшағым екі сағаттан кейін, құжаттарымды алып қойды.",
  "سالەم، بەك! مەن اۋەجايدامىن.",
  "قۇجاتتارىمدى الىپ قويدى، كومەكتەس.",
  "我在机场，他们拿走了我的护照。",
  "请告诉我的家人。𠮷野家前见。",
  "🆘 👩🏽‍👧🏽‍👦🏽 ✈️ 🇰🇿",
  "Älem estisin: «ñ, ğ, ü, ş, ı»",
  "Бір хабарда бәрі: سالەم 你好 👋🏿 Сәлем",
  "ә".repeat(300),
];

/** Uyghur, Chinese, Kazakh, emoji, text that runs both ways. */
export const BEK_WRITES: readonly string[] = [
  "ئەسسالامۇئەلەيكۇم، ئايگۈل!",
  "خەت كەلدى، مەن ئوقۇدۇم.",
  "ئادۋوكات بىلەن سۆزلىشىۋاتىمەن، ساقلاپ تۇر.",
  "别担心，律师已经在路上了。",
  "你的航班号是 KC 905 吗？",
  "Телефоныңды бұғаттап, сөндіріп қой.",
  "👍🏻👍🏿 🫶 🏳️‍🌈 1️⃣2️⃣",
  "‏رەقەم 24601، gate B7، ۋاقىت 18:45",
  "Жауап күтемін: иә ✅ / жоқ ❌",
  "文".repeat(400),
];
