package page

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"strings"
)

// shapes are drawings in a 120 x 120 field. %[1]s is the main colour, %[2]s a darker one, %[3]s a light one.
var shapes = map[string]string{
	"shirt":   `<path d="M42 28 24 38l8 20 9-4v40h38V54l9 4 8-20-18-10c-3 8-9 11-18 11S45 36 42 28z" fill="%[1]s"/><path d="M42 28c3 8 9 11 18 11s15-3 18-11l-6-2c-3 4-7 6-12 6s-9-2-12-6z" fill="%[2]s"/>`,
	"jacket":  `<path d="M44 26 26 36l-8 44 11 2 5-22v38h52V60l5 22 11-2-8-44-18-10-16 10z" fill="%[1]s"/><path d="M60 36v62" stroke="%[2]s" stroke-width="3"/><path d="M44 26l16 22 16-22-6-2H50z" fill="%[2]s"/><path d="M40 76h12m16 0h12" stroke="%[3]s" stroke-width="4" stroke-linecap="round"/>`,
	"trouser": `<path d="M40 22h40l6 76H68l-8-48-8 48H34z" fill="%[1]s"/><path d="M40 22h40l1 9H39z" fill="%[2]s"/><path d="M60 31v16" stroke="%[3]s" stroke-width="3"/>`,
	"dress":   `<path d="M48 20h5c1 7 13 7 14 0h5l3 24 15 50c-10 6-50 6-60 0l15-50z" fill="%[1]s"/><path d="M46 46h28l2 6H44z" fill="%[2]s"/>`,
	"hat":     `<path d="M34 66c0-20 10-32 26-32s26 12 26 32z" fill="%[1]s"/><path d="M30 66h60c12 2 14 10 4 12H34c-12 0-12-10-4-12z" fill="%[2]s"/><circle cx="60" cy="34" r="4" fill="%[3]s"/>`,
	"shelf":   `<path d="M30 20h60v80H30z" fill="%[1]s"/><path d="M36 26h48v20H36zm0 26h48v20H36zm0 26h48v16H36z" fill="%[3]s"/><path d="M40 46V32h5v14zm8 0V30h5v16zm20 26V58h5v14zm8 0V62h4v10zM42 94V84h16v10z" fill="%[2]s"/>`,
	"rug":     `<path d="M26 34h68v56H26z" fill="%[1]s"/><path d="M34 42h52v40H34z" fill="none" stroke="%[3]s" stroke-width="4"/><path d="M60 48l14 14-14 14-14-14z" fill="%[2]s"/><path d="M26 28v6m9-6v6m9-6v6m9-6v6m9-6v6m9-6v6m9-6v6m9-6v6M26 90v6m9-6v6m9-6v6m9-6v6m9-6v6m9-6v6m9-6v6m9-6v6" stroke="%[2]s" stroke-width="3"/>`,
	"pot":     `<path d="M28 50h64v30c0 9-7 14-14 14H42c-7 0-14-5-14-14z" fill="%[1]s"/><path d="M22 44h76v8H22zM54 36h12v6H54z" fill="%[2]s"/><path d="M20 58h8m64 0h8" stroke="%[2]s" stroke-width="6" stroke-linecap="round"/><path d="M38 62v16" stroke="%[3]s" stroke-width="5" stroke-linecap="round"/>`,
	"bike":    `<circle cx="36" cy="74" r="20" fill="none" stroke="%[2]s" stroke-width="5"/><circle cx="86" cy="74" r="20" fill="none" stroke="%[2]s" stroke-width="5"/><path d="M36 74l16-30h24l10 30M52 44l10 30h-26M62 74l14-30-3-9h9M46 40h12" stroke="%[1]s" stroke-width="5" fill="none" stroke-linejoin="round"/>`,
	"shoe":    `<path d="M22 62c8 2 14-2 18-10l8-12 12 6c2 10 10 16 22 18 12 2 18 6 18 14v4H22z" fill="%[1]s"/><path d="M20 82h82v6c0 3-2 4-5 4H25c-3 0-5-1-5-4z" fill="%[2]s"/><path d="M52 48l-6 8m12-5-6 8m13-4-6 8" stroke="%[3]s" stroke-width="3" stroke-linecap="round"/>`,
	"bottle":  `<path d="M51 20h18v14l8 12v48c0 4-3 6-6 6H49c-3 0-6-2-6-6V46l8-12z" fill="%[1]s"/><rect x="51" y="16" width="18" height="10" rx="3" fill="%[2]s"/><rect x="43" y="58" width="34" height="24" fill="%[3]s"/>`,
	"box":     `<path d="M60 22 96 40v42L60 100 24 82V40z" fill="%[1]s"/><path d="M24 40l36 18 36-18M60 58v42" stroke="%[2]s" stroke-width="3" fill="none"/><path d="M42 31l36 18v12" stroke="%[3]s" stroke-width="5" fill="none"/>`,
	"laptop":  `<rect x="28" y="30" width="64" height="44" rx="4" fill="%[2]s"/><rect x="33" y="35" width="54" height="34" fill="%[3]s"/><path d="M18 78h84l-6 10H24z" fill="%[1]s"/>`,
	"phone":   `<rect x="40" y="18" width="40" height="84" rx="7" fill="%[2]s"/><rect x="44" y="26" width="32" height="64" fill="%[1]s"/><circle cx="60" cy="96" r="3" fill="%[3]s"/>`,
	"camera":  `<path d="M24 42h18l6-10h24l6 10h18c3 0 5 2 5 5v40c0 3-2 5-5 5H24c-3 0-5-2-5-5V47c0-3 2-5 5-5z" fill="%[1]s"/><circle cx="60" cy="66" r="19" fill="%[2]s"/><circle cx="60" cy="66" r="11" fill="%[3]s"/>`,
	"screen":  `<rect x="18" y="26" width="84" height="54" rx="4" fill="%[2]s"/><rect x="23" y="31" width="74" height="44" fill="%[1]s"/><path d="M50 80h20l4 14H46z" fill="%[2]s"/><path d="M23 62l26-20 18 16 12-8 18 14v11H23z" fill="%[3]s"/>`,
	"chair":   `<path d="M40 22h40c4 0 6 2 6 6v32H34V28c0-4 2-6 6-6z" fill="%[1]s"/><rect x="28" y="58" width="64" height="14" rx="5" fill="%[2]s"/><path d="M34 72l-4 28M86 72l4 28" stroke="%[2]s" stroke-width="5" stroke-linecap="round"/>`,
	"lamp":    `<path d="M44 22h32l14 36H30z" fill="%[1]s"/><path d="M60 58v34" stroke="%[2]s" stroke-width="5"/><rect x="42" y="92" width="36" height="8" rx="4" fill="%[2]s"/><path d="M38 58h44" stroke="%[3]s" stroke-width="4"/>`,
	"book":    `<path d="M30 24h52c4 0 6 2 6 6v62H36c-4 0-6-2-6-6z" fill="%[1]s"/><path d="M30 86c0-4 2-6 6-6h52v12H36c-4 0-6-2-6-6z" fill="%[3]s"/><path d="M42 38h32M42 48h22" stroke="%[2]s" stroke-width="4" stroke-linecap="round"/>`,
	"ball":    `<circle cx="60" cy="60" r="38" fill="%[1]s"/><path d="M60 22c-14 22-14 54 0 76M60 22c14 22 14 54 0 76M22 60h76" stroke="%[2]s" stroke-width="3" fill="none"/><circle cx="46" cy="44" r="7" fill="%[3]s"/>`,
	"plant":   `<path d="M60 68C40 66 30 50 32 30c18 2 28 14 28 38zM60 68c2-22 12-32 28-34 2 18-8 32-28 34z" fill="%[1]s"/><path d="M60 50v26" stroke="%[2]s" stroke-width="4"/><path d="M40 74h40l-6 26H46z" fill="%[3]s"/>`,
	"cup":     `<path d="M30 38h50v38c0 10-8 18-18 18H48c-10 0-18-8-18-18z" fill="%[1]s"/><path d="M80 46h8c6 0 10 4 10 10s-4 12-12 12h-6" stroke="%[2]s" stroke-width="6" fill="none"/><path d="M44 30c0-6 4-6 4-12m10 12c0-6 4-6 4-12" stroke="%[3]s" stroke-width="4" fill="none" stroke-linecap="round"/>`,
	"food":    `<path d="M60 36c18-10 38 0 36 24-2 22-18 40-28 40-4 0-5-2-8-2s-4 2-8 2c-10 0-26-18-28-40-2-24 18-34 36-24z" fill="%[1]s"/><path d="M60 36c0-8 3-14 10-18" stroke="%[2]s" stroke-width="5" fill="none" stroke-linecap="round"/><path d="M34 58c0-8 4-14 10-15" stroke="%[3]s" stroke-width="5" fill="none" stroke-linecap="round"/>`,
	"watch":   `<rect x="46" y="14" width="28" height="92" rx="6" fill="%[2]s"/><circle cx="60" cy="60" r="28" fill="%[1]s"/><circle cx="60" cy="60" r="21" fill="%[3]s"/><path d="M60 46v15l9 6" stroke="%[2]s" stroke-width="4" fill="none" stroke-linecap="round"/>`,
	"bag":     `<path d="M30 44h60l6 52H24z" fill="%[1]s"/><path d="M46 52V38c0-8 6-14 14-14s14 6 14 14v14" stroke="%[2]s" stroke-width="5" fill="none"/><path d="M27 74h66" stroke="%[3]s" stroke-width="4"/>`,
	"tool":    `<path d="M78 22c-10-2-20 6-18 18L26 76c-4 4-4 10 0 14s10 4 14 0l34-36c12 2 20-8 18-18L82 46l-10-2-4-10z" fill="%[1]s"/><circle cx="33" cy="83" r="4" fill="%[3]s"/>`,
	"toy":     `<circle cx="60" cy="66" r="28" fill="%[1]s"/><circle cx="38" cy="38" r="12" fill="%[2]s"/><circle cx="82" cy="38" r="12" fill="%[2]s"/><circle cx="50" cy="60" r="4" fill="%[2]s"/><circle cx="70" cy="60" r="4" fill="%[2]s"/><ellipse cx="60" cy="76" rx="11" ry="8" fill="%[3]s"/>`,
	"printer": `<rect x="34" y="20" width="52" height="26" fill="%[3]s"/><rect x="20" y="44" width="80" height="36" rx="5" fill="%[1]s"/><rect x="34" y="66" width="52" height="34" fill="%[3]s"/><path d="M42 76h36M42 86h26" stroke="%[2]s" stroke-width="4"/><circle cx="88" cy="54" r="4" fill="%[2]s"/>`,
	"audio":   `<path d="M28 70V58c0-18 14-32 32-32s32 14 32 32v12" stroke="%[2]s" stroke-width="7" fill="none"/><rect x="20" y="64" width="18" height="30" rx="7" fill="%[1]s"/><rect x="82" y="64" width="18" height="30" rx="7" fill="%[1]s"/>`,
	"soap":    `<rect x="40" y="44" width="40" height="56" rx="8" fill="%[1]s"/><path d="M54 44V30h12v14M60 30v-8h16" stroke="%[2]s" stroke-width="6" fill="none"/><rect x="46" y="60" width="28" height="22" rx="3" fill="%[3]s"/>`,
}

// shapeWords lead from a word of a category or title to a shape. The first that occurs wins.
var shapeWords = []struct{ shape, any string }{
	{"shoe", "shoe sneaker boot sandal loafer footwear slipper trainer heel"},
	{"watch", "watch wearable clock"},
	{"audio", "headphone earbud earphone headset speaker audio soundbar"},
	{"camera", "camera lens webcam camcorder"},
	{"printer", "printer toner cartridge ink scanner copier"},
	{"laptop", "laptop notebook computer tablet keyboard chromebook pc"},
	{"phone", "phone mobile smartphone charger"},
	{"screen", "monitor television tv screen display projector"},
	{"jacket", "jacket coat hoodie sweater outerwear parka blazer cardigan"},
	{"trouser", "trouser jeans pant short legging chino"},
	{"dress", "dress skirt gown"},
	{"hat", "hat cap beanie"},
	{"shirt", "shirt top apparel clothing blouse pullover sock fashion tee polo jersey"},
	{"bag", "bag backpack luggage handbag wallet suitcase purse accessories tote"},
	{"lamp", "lamp light lighting candle bulb lantern"},
	{"shelf", "bookshelf shelf bookcase cabinet wardrobe dresser"},
	{"rug", "rug carpet mat towel blanket curtain bedding pillow"},
	{"chair", "chair sofa table furniture desk bed stool cushion couch"},
	{"plant", "plant garden flower seed floral outdoor"},
	{"book", "book stationery paper magazine pen card journal"},
	{"toy", "toy game puzzle doll pet baby kids plush lego"},
	{"bike", "bike cycling bicycle scooter"},
	{"ball", "ball sport fitness yoga tennis football running"},
	{"pot", "pot pan cookware kettle saucepan wok kitchen housewares"},
	{"cup", "cup mug coffee tea homedecor"},
	{"bottle", "bottle drink beverage juice wine beer milk soda water oil sauce soft"},
	{"tool", "tool drill hammer hardware diy cable saw wrench instrument"},
	{"soap", "soap shampoo beauty cosmetic skin cream lotion drug perfume health grooming cleaning detergent hair serum"},
	{"food", "food fruit snack grocery groceries cheese bread meat produce candy chocolate vegetable cereal pastry deli frozen frzn chips cookies"},
}

var named = map[string]string{
	"black": "#3b3b40", "white": "#d9d5cc", "grey": "#8d939a", "gray": "#8d939a", "silver": "#a9b0b7", "red": "#c8443c", "blue": "#3a6ea8",
	"navy": "#27406b", "green": "#4a8a58", "olive": "#7b8044", "yellow": "#e0b33c", "gold": "#c99a3a", "orange": "#dd7d35", "brown": "#8a5f43",
	"beige": "#c9b08c", "pink": "#d97f9b", "purple": "#7a5aa6", "violet": "#7a5aa6", "teal": "#2f8a8a", "turquoise": "#3aa6a0", "burgundy": "#7d2b3f", "cream": "#d8c7a0", "mint": "#7fbf9f", "coral": "#e0705a",
}

var palette = [...]string{"#b8574a", "#4f7d6b", "#3f6f9a", "#a8783a", "#7a628f", "#5d8a3f", "#b06a86", "#3d8585", "#94714f", "#5a6fa8"}

// picture draws a product as SVG: a shape by its category, coloured by its colour, or by its name where it has none.
func picture(p Product) template.HTML {
	// What it is stands in the narrowest category and the title; the broader categories only help where those say nothing.
	words := append([]string{p.Category(), p.Title}, p.Categories...)
	text := strings.ToLower(strings.Join(words, " "))
	shape := shapes["box"]
	best := len(text) + 1
	for _, w := range shapeWords {
		for word := range strings.FieldsSeq(w.any) {
			if at := wordAt(text, word); at >= 0 && at < best {
				best, shape = at, shapes[w.shape]
			}
		}
	}
	h := fnv.New32a()
	h.Write([]byte(p.Brand + p.Category()))
	colour, ok := named[strings.ToLower(p.Colour)]
	if !ok {
		colour = palette[h.Sum32()%uint32(len(palette))]
	}
	h.Write([]byte(p.ID))
	turn := int(h.Sum32()>>4%15) - 7
	drawing := fmt.Sprintf(shape, colour, mix(colour, 0x20, 0.45), mix(colour, 0xff, 0.62))
	// Nothing of the shop's own text enters the drawing: shapes, colours and a number alone.
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 120 120" class="picture" aria-hidden="true"><rect width="120" height="120" fill="%s"/><ellipse cx="60" cy="103" rx="34" ry="5" fill="%s"/><g transform="rotate(%d 60 60)">%s</g></svg>`,
		mix(colour, 0xff, 0.86), mix(colour, 0xff, 0.7), turn, drawing)) //nolint:gosec // see above
}

// wordAt returns where word begins a word of text, or -1.
func wordAt(text, word string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return -1
		}
		at += from
		if at == 0 || text[at-1] == ' ' || text[at-1] == '-' || text[at-1] == '/' || text[at-1] == '&' || text[at-1] == ':' {
			return at
		}
		from = at + len(word)
	}
}

// mix moves a #rrggbb colour towards a grey level by share.
func mix(colour string, level int, share float64) string {
	var r, g, b int
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &r, &g, &b); err != nil {
		return colour
	}
	towards := func(c int) int { return c + int(share*float64(level-c)) }
	return fmt.Sprintf("#%02x%02x%02x", towards(r), towards(g), towards(b))
}
