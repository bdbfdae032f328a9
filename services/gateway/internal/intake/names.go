package intake

import "github.com/haggle-commerce/haggle/libs/shop"

// ignored is the kind of an event that is known and of which nothing is learnt: it is accepted and not kept.
const ignored shop.EventKind = ""

// kinds maps the names that data layers use to ours: GA4, Google Retail user events and OpenSearch UBI.
var kinds = map[string]shop.EventKind{
	// GA4; its names for what we keep are ours.
	"view_item_list": shop.ViewItemList, "select_item": shop.SelectItem, "view_item": shop.ViewItem,
	"add_to_cart": shop.AddToCart, "remove_from_cart": shop.RemoveFromCart, "begin_checkout": shop.BeginCheckout,
	"purchase": shop.Purchase, "refund": shop.Refund, "search": shop.Search, "view_search_results": shop.Search,
	"page_view": ignored, "view_cart": ignored, "add_to_wishlist": ignored, "add_payment_info": ignored, "add_shipping_info": ignored,
	"view_promotion": ignored, "select_promotion": ignored, "login": ignored, "sign_up": ignored, "session_start": ignored,
	"first_visit": ignored, "user_engagement": ignored, "scroll": ignored, "share": ignored,

	// Google Retail.
	"detail-page-view": shop.ViewItem, "add-to-cart": shop.AddToCart, "remove-from-cart": shop.RemoveFromCart,
	"purchase-complete": shop.Purchase, "category-page-view": shop.ViewItemList,
	"home-page-view": ignored, "shopping-cart-page-view": ignored, "promotion-offered": ignored, "promotion-not-offered": ignored,

	// UBI.
	"impression": shop.ViewItemList, "click": shop.SelectItem, "item_click": shop.SelectItem, "click_through": shop.SelectItem,
	"product_click": shop.SelectItem, "view": shop.ViewItem, "item_view": shop.ViewItem, "product_purchase": shop.Purchase,
	"item_hover": ignored, "product_hover": ignored, "page_exit": ignored, "logout": ignored,
}

// passing are fields of the three layouts that say nothing to haggle: they are read over, where a field that nobody knows is
// a fault.
var passing = map[string]bool{
	// GA4, on an event.
	"item_list_name": true, "coupon": true, "shipping": true, "tax": true, "payment_type": true, "shipping_tier": true,
	"affiliation": true, "customer_type": true, "engagement_time_msec": true, "debug_mode": true, "language": true,
	"page_location": true, "page_title": true, "page_referrer": true, "screen_resolution": true,
	// Google Retail, on an event.
	"cartId": true, "pageViewId": true, "uri": true, "referrerUri": true, "filter": true, "orderBy": true, "offset": true,
	"pageCategories": true, "experimentIds": true, "attributes": true, "entity": true, "completionDetail": true,
	// UBI, on an event.
	"message": true, "message_type": true, "application": true, "query_id": true,
}

// passingItem are fields of GA4 items that say nothing to haggle: the catalogue knows better.
var passingItem = map[string]bool{
	"item_name": true, "affiliation": true, "coupon": true, "discount": true, "item_brand": true, "item_category": true,
	"item_category2": true, "item_category3": true, "item_category4": true, "item_category5": true, "item_list_id": true,
	"item_list_name": true, "item_variant": true, "location_id": true, "promotion_id": true, "promotion_name": true,
	"creative_name": true, "creative_slot": true, "google_business_vertical": true, "currency": true,
}
