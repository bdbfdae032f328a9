package intake

import "time"

// Document describes the body of POST /v1/events for the OpenAPI document; [Desk.Read] takes two more layouts.
type Document struct {
	VisitorID string          `json:"visitor_id,omitempty" maxLength:"128" doc:"For all events that name none."`
	UserID    string          `json:"user_id,omitempty" maxLength:"128" doc:"For all events that name none."`
	SessionID string          `json:"session_id,omitempty" maxLength:"128" doc:"For all events that name none."`
	Events    []DocumentEvent `json:"events" minItems:"1" maxItems:"1000"`
}

// DocumentEvent describes one event, in the names of GA4.
type DocumentEvent struct {
	Event            string           `json:"event" doc:"view_item_list, select_item, view_item, add_to_cart, remove_from_cart, begin_checkout, purchase, refund, search, or a name of Google Retail or UBI."`
	EventID          string           `json:"event_id,omitempty" maxLength:"128" doc:"Two events with one id are one event. Left out, it is made of what the event says."`
	Timestamp        time.Time        `json:"timestamp,omitzero" required:"false" doc:"RFC 3339, or a number of seconds, milliseconds or microseconds since 1970."`
	VisitorID        string           `json:"visitor_id,omitempty" maxLength:"128"`
	UserID           string           `json:"user_id,omitempty" maxLength:"128"`
	SessionID        string           `json:"session_id,omitempty" maxLength:"128"`
	AttributionToken string           `json:"attribution_token,omitempty" doc:"Of the answer that showed the items."`
	ItemListID       string           `json:"item_list_id,omitempty" doc:"Where the items stood."`
	SearchTerm       string           `json:"search_term,omitempty" maxLength:"512"`
	Items            []DocumentItem   `json:"items,omitempty" maxItems:"200"`
	Value            float64          `json:"value,omitempty"`
	Currency         string           `json:"currency,omitempty" maxLength:"8"`
	TransactionID    string           `json:"transaction_id,omitempty" maxLength:"128" doc:"The order."`
	Consent          *DocumentConsent `json:"consent,omitempty" doc:"Left out, all is allowed."`
}

// DocumentConsent describes what the shopper allowed.
type DocumentConsent struct {
	Personalization bool `json:"personalization" doc:"Without it the event counts for the items, and not for the shopper."`
}

// DocumentItem describes an item of an event.
type DocumentItem struct {
	ItemID           string  `json:"item_id" maxLength:"128"`
	Index            int     `json:"index,omitempty" minimum:"0" maximum:"1000000" doc:"The place in the list."`
	Price            float64 `json:"price,omitempty" minimum:"0"`
	Quantity         float64 `json:"quantity,omitempty" minimum:"0"`
	AttributionToken string  `json:"attribution_token,omitempty"`
}
