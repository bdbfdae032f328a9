package feature

// The columns of a vector. Append only within a model's life: a model file names the features it was trained with, and
// [Names] is what it is checked against.
const (
	boughtTotal = iota
	boughtMonth
	boughtDays
	interestTotal
	interestMonth
	interestDays
	shownTotal
	clickRate
	cartRate
	buyRate
	newness
	priceLog
	priceCategory
	priceGap
	priceZ
	brandAffinity
	categoryBroad
	categoryMiddle
	categoryNarrow
	attributeAffinity
	wordAffinity
	ownInterest
	ownBought
	ownRate
	ownRecency
	ownDue
	nearAll
	nearBest
	nearRecent
	nearContext
	recentCategory
	recentBrand
	contextCategory
	contextBrand
	contextText
	textTitle
	textOther
	textCoverage
	historySize
	// Vector is the length of a vector.
	Vector
)

var names = [Vector]string{
	boughtTotal:       "bought_total",
	boughtMonth:       "bought_month",
	boughtDays:        "bought_days",
	interestTotal:     "interest_total",
	interestMonth:     "interest_month",
	interestDays:      "interest_days",
	shownTotal:        "shown_total",
	clickRate:         "click_rate",
	cartRate:          "cart_rate",
	buyRate:           "buy_rate",
	newness:           "newness",
	priceLog:          "price_log",
	priceCategory:     "price_category",
	priceGap:          "price_gap",
	priceZ:            "price_z",
	brandAffinity:     "brand_affinity",
	categoryBroad:     "category_broad",
	categoryMiddle:    "category_middle",
	categoryNarrow:    "category_narrow",
	attributeAffinity: "attribute_affinity",
	wordAffinity:      "word_affinity",
	ownInterest:       "own_interest",
	ownBought:         "own_bought",
	ownRate:           "own_rate",
	ownRecency:        "own_recency",
	ownDue:            "own_due",
	nearAll:           "near_history",
	nearBest:          "near_best",
	nearRecent:        "near_recent",
	nearContext:       "near_context",
	recentCategory:    "recent_category",
	recentBrand:       "recent_brand",
	contextCategory:   "context_category",
	contextBrand:      "context_brand",
	contextText:       "context_text",
	textTitle:         "text_title",
	textOther:         "text_other",
	textCoverage:      "text_coverage",
	historySize:       "history_size",
}

// Names returns the names of the columns of a vector, in order.
func Names() []string { return append([]string(nil), names[:]...) }
