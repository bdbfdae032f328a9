package feature

import (
	"strconv"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// KeyPrefix begins every key of haggle in Redis; its number is the version of the key schema.
const KeyPrefix = "hg1:"

// The kinds of key, each a prefix of its own.
const (
	itemPrefix         = "hg1:i:"
	shopperPrefix      = "hg1:s:"
	shopperStatePrefix = "hg1:t:"
	itemStatePrefix    = "hg1:j:"
	anonymousPrefix    = "hg1:a:"
	watermarkKey       = "hg1:mark"
)

// ItemKey returns the key of an item's [ItemRow].
func ItemKey(id shop.ItemID) string { return itemPrefix + string(id) }

// ShopperKey returns the key of the [ShopperRow] that queries read.
func ShopperKey(id shop.ShopperID) string { return shopperPrefix + string(id) }

// ShopperStateKey returns the key of what the writer alone reads of a shopper: the whole history and the ids of events.
func ShopperStateKey(id shop.ShopperID) string { return shopperStatePrefix + string(id) }

// ItemStateKey returns the key of what the writer alone reads of an item. An [ItemRow] is its own state today; the key is
// kept so that a state can grow without a new schema.
func ItemStateKey(id shop.ItemID) string { return itemStatePrefix + string(id) }

// AnonymousStateKey returns the key of one share of the ids of events that name no shopper.
func AnonymousStateKey(share int) string { return anonymousPrefix + strconv.Itoa(share) }

// WatermarkKey returns the key of the last sequence of the EVENTS stream that the rows hold.
func WatermarkKey() string { return watermarkKey }
