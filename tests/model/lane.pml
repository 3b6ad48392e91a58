/* Claim, release and reuse of lanes: probe/lane.cc (ClaimLane, ReleaseLane), probe/sample.h (Bump).
 *
 * A counter's store may stay in its thread's store buffer for a while, as on a real machine; a
 * release store waits until the buffer is empty. Two short-lived threads after each other on each of
 * THREADS places, fewer lanes than places: who finds no lane adds to the shared one.
 *
 * MUTATE 1: the free state is stored without release. 2: a lane is claimed by load and store.
 */
#ifndef MUTATE
#define MUTATE 0
#endif

#define THREADS 3
#define LIVES 2
#ifdef RINGSIDE_LONG
#define RECORDS 2
#else
#define RECORDS 1
#endif
#define LANES 2

#define FREE 0
#define OWNED 1

byte state[LANES];
byte counter[LANES];  /* lane counters: load, add, store */
byte shared_counter;  /* lane 0: atomic adds */
byte owners[LANES];
byte ended;

/* One store under way, per thread. */
bool is_buffered[THREADS];
byte buffered_lane[THREADS];
byte buffered_value[THREADS];

/* The hardware: whatever was stored becomes visible some time. */
active [THREADS] proctype StoreBuffer() {
end:
  do
  :: d_step {
       is_buffered[_pid] ->
       counter[buffered_lane[_pid]] = buffered_value[_pid];
       is_buffered[_pid] = false
     }
  od
}

inline Load(value) {
  if
  :: is_buffered[me] && buffered_lane[me] == lane -> value = buffered_value[me]
  :: else -> value = counter[lane]
  fi
}

proctype Thread(byte me) {
  byte life, i, lane, value;
  bool has_lane;
  do
  :: life < LIVES ->
    /* ClaimLane */
    has_lane = false;
    lane = 0;
    do
    :: lane < LANES ->
      if
      :: state[lane] == FREE ->
#if MUTATE == 2
         state[lane] = OWNED;
         has_lane = true
#else
         atomic {
           if
           :: state[lane] == FREE -> state[lane] = OWNED; has_lane = true
           :: else -> skip
           fi
         }
#endif
      :: else -> skip
      fi;
      if
      :: has_lane -> break
      :: else -> lane++
      fi
    :: else -> break
    od;
    if
    :: has_lane -> owners[lane]++; assert(owners[lane] == 1)
    :: else -> skip
    fi;

    for (i : 1 .. RECORDS) {
      if
      :: has_lane ->
         atomic { Load(value) };
         /* One store fits the buffer: the one before it must have left. */
         d_step {
           !is_buffered[me] ->
           is_buffered[me] = true;
           buffered_lane[me] = lane;
           buffered_value[me] = value + 1
         }
      :: else -> shared_counter++
      fi
    }

    /* ReleaseLane */
    if
    :: has_lane ->
       owners[lane]--;
#if MUTATE != 1
       !is_buffered[me];  /* release: all counters before the state */
#endif
       state[lane] = FREE
    :: else -> skip
    fi;
    value = 0;
    life++
  :: else -> break
  od;
  ended++
}

init {
  byte i;
  atomic {
    for (i : 0 .. THREADS - 1) { run Thread(i) }
  }
  ended == THREADS && !is_buffered[0] && !is_buffered[1] && !is_buffered[2];
  assert(counter[0] + counter[1] + shared_counter == THREADS * LIVES * RECORDS);
  assert(state[0] == FREE && state[1] == FREE);
#ifdef REACH
  assert(false)
#endif
}
