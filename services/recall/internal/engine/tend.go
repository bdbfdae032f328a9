package engine

import "github.com/haggle-commerce/haggle/services/recall/internal/lexical"

// backlog is how many sealed heads of the index of words may wait for whoever tends the engine. More, and Apply does the work itself:
// so searches stay fast however fast changes come.
const backlog = 6

// Tend does one piece of the work that changes leave behind, merging parts of the index of words, without keeping readers waiting but
// to take the work and to put the result in its place. It reports whether there was any. Any number of goroutines may call it at once,
// each does another piece. An error says that the parts stay as they are.
func (e *Engine) Tend() (did bool, err error) {
	job := e.take()
	if job == nil {
		return false, nil
	}
	job.Run()
	return true, e.install(job)
}

// take and install are writers like any other: they wait while a snapshot is written, and those who ask do not wait for them.
func (e *Engine) take() *lexical.Job {
	e.writers.Lock()
	defer e.writers.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.words.Work()
}

func (e *Engine) install(job *lexical.Job) error {
	e.writers.Lock()
	defer e.writers.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.words.Install(job)
}

// relieve tends the engine when nobody else does it fast enough. What fails is tried no more, and serves as it is.
func (e *Engine) relieve() {
	for {
		e.mu.RLock()
		waiting := e.words.Backlog()
		e.mu.RUnlock()
		if waiting <= backlog {
			return
		}
		if did, err := e.Tend(); !did || err != nil {
			return
		}
	}
}
