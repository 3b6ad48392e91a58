/* Request slots: probe/slot.cc (TryTake, OpenSlot, EnterSlot, EndSlot, LeaveSlot).
 *
 * One slot, used by REQUESTS requests one after the other, each in turn from another place; a helper
 * thread that holds a handle of the first request writes stages whenever it likes, also much later;
 * a reader copies the slot as `ringside shm` and the agent do.
 *
 * MUTATE 1: entering does not compare the generation. 2: the slot is given back before it is emptied.
 * 3: End frees the slot although a user is inside. 4: the reader does not look at the generation again.
 */
#ifndef MUTATE
#define MUTATE 0
#endif

#ifdef RINGSIDE_LONG
#define REQUESTS 3
#define TRIES 3
#else
#define REQUESTS 2
#define TRIES 2
#endif

/* The lifecycle word. Every statement on it is one atomic read-modify-write, or one load. */
byte generation;
bool is_open, is_ended;
byte users;

/* What the slot holds; 0: nothing. `owner` is id, start and series: generation + 1 of its request. */
byte owner;
byte entries;
byte entries_of;  /* whose entries they are */
byte inside;      /* users between entering and leaving, as they see themselves */

bool handle_known;  /* the first request's handle was given to the helper */
byte handle;
byte requests_ended;

inline Empty() {
  entries = 0;
  entries_of = 0;
  owner = 0
}

inline Leave() {
  inside--;
  d_step { last = (users == 1 && is_ended); users-- }
#if MUTATE == 3
  last = last || is_request;
#endif
  if
  :: last ->
#if MUTATE == 2
     d_step { is_open = false; is_ended = false; users = 0; generation++ }
     Empty()
#else
     Empty();
     d_step { is_open = false; is_ended = false; users = 0; generation++ }
#endif
  :: else -> skip
  fi
}

inline Write() {
  /* AddAttribute, BeginStep, EndStep: nobody else's entries, nor a freed slot's. */
  assert(owner == my_generation + 1);
  entries++;
  assert(entries_of == 0 || entries_of == my_generation + 1);
  entries_of = my_generation + 1
}

proctype Request() {
  byte my_generation;
  bool last, is_request = true;
  /* TryTake. SYNC slot-free (reader): the entries of the one before are zero. */
  atomic { !is_open && !is_ended && users == 0 -> users = 1; my_generation = generation }
  inside++;
  assert(entries == 0 && owner == 0);
  owner = my_generation + 1;
  is_open = true;  /* OpenSlot */
  if
  :: !handle_known -> handle = my_generation; handle_known = true
  :: else -> skip
  fi;
  Write();
  /* End: nobody enters any more; the copy for the ring. */
  is_ended = true;
  assert(owner == my_generation + 1);
  Leave();
  requests_ended++
}

proctype Helper() {
  byte my_generation, i;
  bool last, is_request = false, entered;
  handle_known;
  my_generation = handle;
  for (i : 1 .. TRIES) {
    atomic {
      entered = false;
      if
#if MUTATE == 1
      :: is_open && !is_ended -> users++; entered = true
#else
      :: is_open && !is_ended && generation == my_generation -> users++; entered = true
#endif
      :: else -> skip
      fi
    }
    if
    :: entered -> inside++; Write(); Leave()
    :: else -> skip
    fi
  }
}

proctype Reader() {
  byte before, copied;
  bool is_there;
  atomic { before = generation; is_there = is_open && !is_ended }
  if
  :: is_there ->
     copied = owner;
#if MUTATE != 4
     atomic { is_there = (generation == before && is_open && !is_ended) }
#endif
     assert(!is_there || copied == before + 1)
  :: else -> skip
  fi
}

init {
  byte i;
  atomic {
    for (i : 1 .. REQUESTS) { run Request() }
    run Helper();
    run Reader()
  }
  _nr_pr == 1;
  /* No slot leaks, and all are empty. */
  assert(requests_ended == REQUESTS && generation == REQUESTS);
  assert(!is_open && !is_ended && users == 0 && inside == 0 && entries == 0);
#ifdef REACH
  assert(false)
#endif
}
