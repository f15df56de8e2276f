/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layouts of keyboards (-k), as what is printed on the keys; and X11 keysyms (RFC 6143, keysymdef.h of X11). Dead keys
 * stand for their accents. Left out: more than three characters a key.
 */
#include "hw/host/display/keys.h"

#include <string.h>

/*
 * The keys that type, row by row: 13 from the one left of 1, 12 from Q, 12 from A (the last is the one left of or above
 * Enter), 11 from the one left of Z, and where there are such, those left of backspace and of the right Shift. A blank: nothing.
 */
static const u8 typing[] = {
	KEY_GRAVE, KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7, KEY_8, KEY_9, KEY_0, KEY_MINUS, KEY_EQUAL,
	KEY_Q, KEY_W, KEY_E, KEY_R, KEY_T, KEY_Y, KEY_U, KEY_I, KEY_O, KEY_P, KEY_LEFTBRACE, KEY_RIGHTBRACE,
	KEY_A, KEY_S, KEY_D, KEY_F, KEY_G, KEY_H, KEY_J, KEY_K, KEY_L, KEY_SEMICOLON, KEY_APOSTROPHE, KEY_BACKSLASH,
	KEY_102ND, KEY_Z, KEY_X, KEY_C, KEY_V, KEY_B, KEY_N, KEY_M, KEY_COMMA, KEY_DOT, KEY_SLASH,
	KEY_YEN, KEY_RO,
};

struct keymap {
	const char *name;
	const char *levels[KEYMAP_LEVELS]; /* UTF-8 */
};

#define NO_ALTGR "                                                "

static const struct keymap maps[] = {
	{ "en-us",
	  { "`1234567890-=" "qwertyuiop[]" "asdfghjkl;'\\" "<zxcvbnm,./",
	    "~!@#$%^&*()_+" "QWERTYUIOP{}" "ASDFGHJKL:\"|" ">ZXCVBNM<>?", NO_ALTGR } },
	{ "en-gb",
	  { "`1234567890-=" "qwertyuiop[]" "asdfghjkl;'#" "\\zxcvbnm,./",
	    "¬!\"£$%^&*()_+" "QWERTYUIOP{}" "ASDFGHJKL:@~" "|ZXCVBNM<>?",
	    "¦   €        " "  é   úíó   " "á           " "           " } },
	{ "de",
	  { "^1234567890ß´" "qwertzuiopü+" "asdfghjklöä#" "<yxcvbnm,.-",
	    "°!\"§$%&/()=?`" "QWERTZUIOPÜ*" "ASDFGHJKLÖÄ'" ">YXCVBNM;:_",
	    "  ²³   {[]}\\ " "@ €        ~" "            " "|      µ   " } },
	{ "de-ch",
	  { "§1234567890'^" "qwertzuiopè¨" "asdfghjkléà$" "<yxcvbnm,.-",
	    "°+\"*ç%&/()=?`" "QWERTZUIOPü!" "ASDFGHJKLöä£" ">YXCVBNM;:_",
	    " ¦@#  ¬|¢  ´~" "  €       []" "          {}" "\\          " } },
	{ "fr",
	  { "²&é\"'(-è_çà)=" "azertyuiop^$" "qsdfghjklmù*" "<wxcvbn,;:!",
	    " 1234567890°+" "AZERTYUIOP¨£" "QSDFGHJKLM%µ" ">WXCVBN?./§",
	    "  ~#{[|`\\^@]}" "  €        ¤" "            " "           " } },
	{ "fr-be",
	  { "²&é\"'(§è!çà)-" "azertyuiop^$" "qsdfghjklmùµ" "<wxcvbn,;:=",
	    "³1234567890°_" "AZERTYUIOP¨*" "QSDFGHJKLM%£" ">WXCVBN?./+",
	    " |@#{[^  {}  " "  €       []" "          ´`" "\\         ~" } },
	{ "fr-ch",
	  { "§1234567890'^" "qwertzuiopè¨" "asdfghjkléà$" "<yxcvbnm,.-",
	    "°+\"*ç%&/()=?`" "QWERTZUIOPü!" "ASDFGHJKLöä£" ">YXCVBNM;:_",
	    " ¦@#  ¬|¢  ´~" "  €       []" "          {}" "\\          " } },
	{ "es",
	  { "º1234567890'¡" "qwertyuiop`+" "asdfghjklñ´ç" "<zxcvbnm,.-",
	    "ª!\"·$%&/()=?¿" "QWERTYUIOP^*" "ASDFGHJKLÑ¨Ç" ">ZXCVBNM;:_",
	    "\\|@#~€¬      " "  €       []" "          {}" "           " } },
	{ "it",
	  { "\\1234567890'ì" "qwertyuiopè+" "asdfghjklòàù" "<zxcvbnm,.-",
	    "|!\"£$%&/()=?^" "QWERTYUIOPé*" "ASDFGHJKLç°§" ">ZXCVBNM;:_",
	    "       {[]}`~" "  €       []" "         @# " "           " } },
	{ "pt",
	  { "\\1234567890'«" "qwertyuiop+´" "asdfghjklçº~" "<zxcvbnm,.-",
	    "|!\"#$%&/()=?»" "QWERTYUIOP*`" "ASDFGHJKLÇª^" ">ZXCVBNM;:_",
	    "  @£§€ {[]}  " "  €       ¨ " "            " "           " } },
	{ "pt-br",
	  { "'1234567890-=" "qwertyuiop´[" "asdfghjklç~]" "\\zxcvbnm,.;" " /",
	    "\"!@#$%¨&*()_+" "QWERTYUIOP`{" "ASDFGHJKLÇ^}" "|ZXCVBNM<>:" " ?",
	    " ¹²³£¢¬     §" "/?€        ª" "           º" "   ¢       " } },
	{ "sv",
	  { "§1234567890+´" "qwertyuiopå¨" "asdfghjklöä'" "<zxcvbnm,.-",
	    "½!\"#¤%&/()=?`" "QWERTYUIOPÅ^" "ASDFGHJKLÖÄ*" ">ZXCVBNM;:_",
	    "  @£$€ {[]}\\ " "  €        ~" "            " "|      µ   " } },
	{ "fi",
	  { "§1234567890+´" "qwertyuiopå¨" "asdfghjklöä'" "<zxcvbnm,.-",
	    "½!\"#¤%&/()=?`" "QWERTYUIOPÅ^" "ASDFGHJKLÖÄ*" ">ZXCVBNM;:_",
	    "  @£$€ {[]}\\ " "  €        ~" "            " "|      µ   " } },
	{ "no",
	  { "|1234567890+\\" "qwertyuiopå¨" "asdfghjkløæ'" "<zxcvbnm,.-",
	    "§!\"#¤%&/()=?`" "QWERTYUIOPÅ^" "ASDFGHJKLØÆ*" ">ZXCVBNM;:_",
	    "  @£$€ {[]} ´" "  €        ~" "            " "       µ   " } },
	{ "da",
	  { "½1234567890+´" "qwertyuiopå¨" "asdfghjklæø'" "<zxcvbnm,.-",
	    "§!\"#¤%&/()=?`" "QWERTYUIOPÅ^" "ASDFGHJKLÆØ*" ">ZXCVBNM;:_",
	    "  @£$€ {[]} |" "  €        ~" "            " "\\      µ   " } },
	{ "nl",
	  { "@1234567890/°" "qwertyuiop¨*" "asdfghjkl+´<" "]zxcvbnm,.-",
	    "§!\"#$%&_()'?~" "QWERTYUIOP^|" "ASDFGHJKL±`>" "[ZXCVBNM;:=",
	    "¬¹²³¼½¾£{}$\\¸" "  €        ¦" " ß          " "       µ   " } },
	{ "pl",
	  { "`1234567890-=" "qwertyuiop[]" "asdfghjkl;'\\" "<zxcvbnm,./",
	    "~!@#$%^&*()_+" "QWERTYUIOP{}" "ASDFGHJKL:\"|" ">ZXCVBNM<>?",
	    "             " "  ę   € ó   " "ąś      ł   " " żźć  ń    " } },
	{ "ja",
	  { " 1234567890-^" "qwertyuiop@[" "asdfghjkl;:]" " zxcvbnm,./" "\\\\",
	    " !\"#$%&'() =~" "QWERTYUIOP`{" "ASDFGHJKL+*}" " ZXCVBNM<>?" "|_", NO_ALTGR } },
	{ "tr",
	  { "\"1234567890*-" "qwertyuıopğü" "asdfghjklşi," "<zxcvbnmöç.",
	    "é!'^+%&/()=?_" "QWERTYUIOPĞÜ" "ASDFGHJKLŞİ;" ">ZXCVBNMÖÇ:",
	    "<>£#$½ {[]}\\|" "@ €       ¨~" "æß        ´`" "|          " } },
};

static u32 next_char(const char **p)
{
	const u8 *s = (const u8 *)*p;
	u32 n = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : 3, c;

	c = n == 1 ? s[0] : n == 2 ? (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu)
				   : (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	*p += n;
	return c;
}

const struct keymap *keymap_find(const char *name)
{
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(maps); i++)
		if (!strcmp(name, maps[i].name))
			return &maps[i];
	return name ? NULL : &maps[0];
}

void keymap_list(char *out, size_t n)
{
	size_t i, len = 0;

	*out = 0;
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		size_t k = strlen(maps[i].name);

		if (len + k + 2 > n)
			return;
		if (len)
			out[len++] = ' ';
		memcpy(out + len, maps[i].name, k + 1);
		len += k;
	}
}

u32 keymap_char(const struct keymap *m, u32 code, enum keymap_level level)
{
	const char *p = m->levels[level];
	size_t i;

	if (code == KEY_SPACE)
		return ' ';
	for (i = 0; i < ARRAY_SIZE(typing) && *p; i++) {
		u32 c = next_char(&p);

		if (typing[i] == code)
			return c == ' ' ? 0 : c;
	}
	return 0;
}

u32 keymap_code(const struct keymap *m, u32 ch, enum keymap_level *level)
{
	u32 l;

	if (level)
		*level = KEYMAP_PLAIN;
	if (ch == ' ')
		return KEY_SPACE;
	for (l = 0; l < KEYMAP_LEVELS; l++) {
		const char *p = m->levels[l];
		size_t i;

		for (i = 0; i < ARRAY_SIZE(typing) && *p; i++)
			if (next_char(&p) == ch) {
				if (level)
					*level = (enum keymap_level)l;
				return typing[i];
			}
	}
	return 0;
}

/* ---- X11 ------------------------------------------------------------------------------------------------------- */

struct keysym_row {
	u16 keysym, code;
};

static const struct keysym_row keysyms[] = {
	{ 0xff08, KEY_BACKSPACE }, { 0xff09, KEY_TAB }, { 0xfe20, KEY_TAB }, { 0xff0d, KEY_ENTER }, { 0xff13, KEY_PAUSE },
	{ 0xff14, KEY_SCROLLLOCK }, { 0xff15, KEY_SYSRQ }, { 0xff1b, KEY_ESC }, { 0xff50, KEY_HOME }, { 0xff51, KEY_LEFT },
	{ 0xff52, KEY_UP }, { 0xff53, KEY_RIGHT }, { 0xff54, KEY_DOWN }, { 0xff55, KEY_PAGEUP }, { 0xff56, KEY_PAGEDOWN },
	{ 0xff57, KEY_END }, { 0xff61, KEY_SYSRQ }, { 0xff63, KEY_INSERT }, { 0xff67, KEY_COMPOSE }, { 0xff6b, KEY_PAUSE },
	{ 0xff7f, KEY_NUMLOCK }, { 0xff8d, KEY_KPENTER }, { 0xff95, KEY_KP7 }, { 0xff96, KEY_KP4 }, { 0xff97, KEY_KP8 },
	{ 0xff98, KEY_KP6 }, { 0xff99, KEY_KP2 }, { 0xff9a, KEY_KP9 }, { 0xff9b, KEY_KP3 }, { 0xff9c, KEY_KP1 },
	{ 0xff9d, KEY_KP5 }, { 0xff9e, KEY_KP0 }, { 0xff9f, KEY_KPDOT }, { 0xffaa, KEY_KPASTERISK }, { 0xffab, KEY_KPPLUS },
	{ 0xffac, KEY_KPDOT }, { 0xffad, KEY_KPMINUS }, { 0xffae, KEY_KPDOT }, { 0xffaf, KEY_KPSLASH }, { 0xffb0, KEY_KP0 },
	{ 0xffb1, KEY_KP1 }, { 0xffb2, KEY_KP2 }, { 0xffb3, KEY_KP3 }, { 0xffb4, KEY_KP4 }, { 0xffb5, KEY_KP5 },
	{ 0xffb6, KEY_KP6 }, { 0xffb7, KEY_KP7 }, { 0xffb8, KEY_KP8 }, { 0xffb9, KEY_KP9 }, { 0xffbe, KEY_F1 },
	{ 0xffbf, KEY_F2 }, { 0xffc0, KEY_F3 }, { 0xffc1, KEY_F4 }, { 0xffc2, KEY_F5 }, { 0xffc3, KEY_F6 }, { 0xffc4, KEY_F7 },
	{ 0xffc5, KEY_F8 }, { 0xffc6, KEY_F9 }, { 0xffc7, KEY_F10 }, { 0xffc8, KEY_F11 }, { 0xffc9, KEY_F12 },
	{ 0xffe1, KEY_LEFTSHIFT }, { 0xffe2, KEY_RIGHTSHIFT }, { 0xffe3, KEY_LEFTCTRL }, { 0xffe4, KEY_RIGHTCTRL },
	{ 0xffe5, KEY_CAPSLOCK }, { 0xffe7, KEY_LEFTALT }, { 0xffe8, KEY_RIGHTALT }, { 0xffe9, KEY_LEFTALT },
	{ 0xffea, KEY_RIGHTALT }, { 0xffeb, KEY_LEFTMETA }, { 0xffec, KEY_RIGHTMETA }, { 0xfe03, KEY_RIGHTALT },
	{ 0xff7e, KEY_RIGHTALT }, { 0xffff, KEY_DELETE },
};

/* Dead accents from 0xfe50 on, as the characters they look like. */
static const u16 dead[] = { '`', 0xb4, '^', '~', 0xaf, 0x2d8, 0x2d9, 0xa8, 0xb0, 0x2dd, 0x2c7, 0xb8 };

u32 keymap_keysym(const struct keymap *m, u32 keysym, u32 *ch)
{
	size_t i;

	*ch = 0;
	for (i = 0; i < ARRAY_SIZE(keysyms); i++)
		if (keysyms[i].keysym == keysym) {
			u32 pad = keysym - 0xffaa;

			if (pad < 16)
				*ch = (u8) "*+,-./0123456789"[pad];
			return keysyms[i].code;
		}
	if ((keysym >= 0x20 && keysym <= 0x7e) || (keysym >= 0xa0 && keysym <= 0xff))
		*ch = keysym;
	else if (keysym >= 0x1000100 && keysym <= 0x110ffff)
		*ch = keysym - 0x1000000;
	else if (keysym == 0x20ac)
		*ch = 0x20ac; /* the euro's own keysym */
	else if (keysym >= 0xfe50 && keysym < 0xfe50 + ARRAY_SIZE(dead))
		*ch = dead[keysym - 0xfe50];
	else
		return 0;
	return keymap_code(m, *ch, NULL);
}
