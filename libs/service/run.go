package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Room is a service in a process.
type Room struct {
	// Name is the name of the service.
	Name string
	// Run is the service with its configuration bound: it works until ctx ends, then stops accepting, finishes and returns nil.
	Run func(ctx context.Context, kit Kit) error
}

// How long a process may take to end: within the 5 s that operators are promised, with a rest for closing.
const (
	drainTime = 4500 * time.Millisecond
	closeTime = 400 * time.Millisecond
)

// ErrSlow is returned by [House.Run] when rooms had not ended after the time for draining.
var ErrSlow = errors.New("rooms did not end in time")

// Run runs rooms until ctx ends or one of them fails, and drains them: first the process says that it is not ready, then the
// rooms end one after another in the order given, so name the one that asks (gateway) before those that answer. The admin
// port, vitals and the watch of secrets go on until all have ended; then the house is closed. The error is that of the room
// that failed, [ErrSlow], or nil. A room that returns nil early ends alone.
func (h *House) Run(ctx context.Context, rooms ...Room) error {
	// Work outlives ctx while it drains.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var keepers sync.WaitGroup
	failed := make(chan error, len(rooms)+1)
	keepers.Go(func() {
		if err := h.serveAdmin(life); err != nil {
			failed <- err
		}
	})
	keepers.Go(func() { h.vault.follow(life, h.log) })
	if slices.ContainsFunc(rooms, func(r Room) bool { return r.Name == entrance }) {
		h.vault.now.Load().warn(h.log)
	}

	ended := make([]chan struct{}, len(rooms))
	stops := make([]context.CancelFunc, len(rooms))
	var all sync.WaitGroup
	for i, room := range rooms {
		roomContext, stop := context.WithCancel(life)
		ended[i], stops[i] = make(chan struct{}), stop
		all.Go(func() {
			defer close(ended[i])
			defer stop()
			if err := h.runRoom(roomContext, life, room); err != nil {
				failed <- fmt.Errorf("%s: %w", room.Name, err)
			}
		})
	}
	finished := make(chan struct{})
	go func() { // ends with the rooms
		all.Wait()
		close(finished)
	}()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-finished:
	}
	slow := h.drain(ended, stops, finished)
	end()
	if err == nil {
		select {
		case err = <-failed:
		default:
		}
	}
	keepers.Wait()
	return errors.Join(err, slow, h.closeSoon())
}

// runRoom makes the kit of a room and runs it, with its vitals beside it.
func (h *House) runRoom(ctx, life context.Context, room Room) error {
	kit, err := h.Kit(ctx, room.Name)
	if err != nil {
		if ctx.Err() != nil {
			return nil // ended before the bus was there
		}
		return err
	}
	beside, stop := context.WithCancel(life)
	var vitals sync.WaitGroup
	vitals.Go(func() { _ = Vitals(beside, kit) })
	defer vitals.Wait()
	defer stop()
	err = room.Run(ctx, kit)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to end, and says so
	}
	return err
}

// drain ends the rooms in order and returns ErrSlow when that takes too long. A slow room does not hold up the next for more
// than its share of the time.
func (h *House) drain(ended []chan struct{}, stops []context.CancelFunc, finished chan struct{}) error {
	began := time.Now()
	for _, kit := range h.kits() {
		kit.Health.Drain()
	}
	for i, stop := range stops {
		stop()
		wait := time.NewTimer((h.drainTime - time.Since(began)) / time.Duration(len(stops)-i))
		select {
		case <-ended[i]:
		case <-wait.C:
		}
		wait.Stop()
	}
	wait := time.NewTimer(h.drainTime - time.Since(began))
	defer wait.Stop()
	select {
	case <-finished:
		h.log.Info("drained", "took", time.Since(began).Round(time.Millisecond))
		return nil
	case <-wait.C:
		return fmt.Errorf("drain for %v: %w", h.drainTime, ErrSlow)
	}
}

// closeSoon closes the house, and gives up on connections that do not end.
func (h *House) closeSoon() error {
	closed := make(chan error, 1)
	go func() { closed <- h.Close() }() // ends with the process at the latest
	wait := time.NewTimer(closeTime)
	defer wait.Stop()
	select {
	case err := <-closed:
		return err
	case <-wait.C:
		return fmt.Errorf("close connections: %w", ErrSlow)
	}
}
