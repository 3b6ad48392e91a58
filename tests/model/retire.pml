/* Attach, commit, retire, unlink: agent/producer.cc, producer_set.cc (RemoveDone), commit.cc,
 * recovery.cc; probe/process.cc (Ensure), record.h (IsReady).
 *
 * A worker records into its segment, finds it retired, opens another one, and is killed at any step
 * or ends. The agent attaches, diffs, commits, and declares the worker dead: rightly, or wrongly
 * while it still records. It is killed between any two of its writes, AGENT_KILLS times. In the end
 * everything that was recorded is delivered, once, and nothing is left behind.
 *
 * Assumed: a record that began before the retired bit is over an interval later.
 *
 * MUTATE 1: no last diff. 2: the baseline is dropped before its segment. 3: the flip comes before the
 * spool. 4: no interval between the retired bit and the last diff. 5: an abandoned copy keeps its tag.
 * 6: a last diff without a difference is none (it never ends).
 */
#ifndef MUTATE
#define MUTATE 0
#endif

#define SEGMENTS 2
#ifdef RINGSIDE_LONG
#define RECORDS 3
#define AGENT_KILLS 3
#else
#define RECORDS 2
#endif
#ifndef AGENT_KILLS
#define AGENT_KILLS 2
#endif

/* Segments. */
bool is_linked[SEGMENTS];
bool is_retired[SEGMENTS];  /* the control word's bit */
bool is_met[SEGMENTS];      /* its interval is not 0: an agent has attached */
byte cells[SEGMENTS];
bool mid_record[SEGMENTS];  /* the writer has passed IsReady, the cell is not yet bumped */
bool worker_lives = true;
byte current;

/* Baselines: two slots each. A tag of 0 means none; above `committed`: not valid. */
bool has_baseline[SEGMENTS];
byte tag[4];
byte copied[4];
bool is_final[4];
byte committed = 1;
#define SLOT(segment, i) ((segment) * 2 + (i))

/* The spool, and what it makes the aggregator count. */
byte spool_position = 1;
byte delivered;

byte recorded;
byte lost;
byte agent_kills;
bool is_over;

active proctype Worker() {
  byte todo = RECORDS;
  {
    is_linked[0] = true;  /* whole before it is linked */
    do
    :: todo > 0 ->
       if
       :: atomic { !is_retired[current] -> mid_record[current] = true }
          atomic {
            cells[current]++;
            recorded++;
            todo--;
            mid_record[current] = false
          }
       :: is_retired[current] ->
          if
          :: current + 1 < SEGMENTS ->
             atomic { current++; is_linked[current] = true }
          :: else -> break  /* as many as the model has */
          fi
       fi
    :: else -> break
    od
  } unless {
    !worker_lives
  };
  skip;
  d_step { worker_lives = false; mid_record[0] = false; mid_record[1] = false }
}

active proctype Kill() {
  if
  :: d_step { worker_lives = false; mid_record[0] = false; mid_record[1] = false }
  :: skip
  fi
}

#define MAY_BE_KILLED \
  if \
  :: agent_kills < AGENT_KILLS -> agent_kills++; goto start \
  :: skip \
  fi

/* The agent's memory. */
bool is_attached[SEGMENTS];
bool is_retiring[SEGMENTS];
bool has_waited[SEGMENTS];
bool in_commit[SEGMENTS];
bool is_last[SEGMENTS];
bool is_done[SEGMENTS];
byte valid[SEGMENTS];

inline Forget() {
  d_step {
    for (s : 0 .. SEGMENTS - 1) {
      is_attached[s] = false;
      is_retiring[s] = false;
      has_waited[s] = false;
      in_commit[s] = false;
      is_last[s] = false;
      is_done[s] = false;
      valid[s] = 0
    }
    s = 0;
    delta = 0;
    is_any = false
  }
}

/* Clears what was never committed, picks the newer of the rest. */
inline PickValid(i) {
  d_step {
    if
#if MUTATE == 5
    :: false -> skip
#else
    :: tag[SLOT(i, 0)] > committed -> tag[SLOT(i, 0)] = 0
#endif
    :: else -> skip
    fi;
    if
#if MUTATE == 5
    :: false -> skip
#else
    :: tag[SLOT(i, 1)] > committed -> tag[SLOT(i, 1)] = 0
#endif
    :: else -> skip
    fi;
    if
    :: tag[SLOT(i, 1)] > tag[SLOT(i, 0)] -> valid[i] = 1
    :: else -> valid[i] = 0
    fi;
    assert(tag[SLOT(i, valid[i])] != 0)
  }
}

inline Attach(i) {
  if
  :: has_baseline[i] -> PickValid(i)
  :: else ->
     d_step {  /* one link(2) */
       valid[i] = 0;
       tag[SLOT(i, 0)] = committed;
       tag[SLOT(i, 1)] = 0;
       copied[SLOT(i, 0)] = 0;
       is_final[SLOT(i, 0)] = false;
       if
       :: is_met[i] -> copied[SLOT(i, 0)] = cells[i]; lost = lost + cells[i]
       :: else -> skip
       fi;
       has_baseline[i] = true
     }
     MAY_BE_KILLED
  fi;
  is_met[i] = true;
  d_step {
    is_retiring[i] = is_retired[i];
    is_done[i] = is_final[SLOT(i, valid[i])];
    is_attached[i] = true
  }
}

/* Alive: its lock is held. Else dead, or for all that the agent can see so. */
inline CheckLife(i) {
  if
  :: is_retiring[i] -> skip
  :: else ->
     if
     :: worker_lives -> skip   /* alive, or suspect */
     :: is_retired[i] = true;  /* dead, or wrongly taken for it */
        MAY_BE_KILLED;
        is_retiring[i] = true
     fi
  fi;
  is_last[i] = false;
  if
#if MUTATE == 4
  :: is_retiring[i] -> is_last[i] = true
#else
  :: is_retiring[i] && has_waited[i] ->
     !mid_record[i];  /* an interval has passed */
     is_last[i] = true
  :: is_retiring[i] && !has_waited[i] -> has_waited[i] = true
#endif
  :: else -> skip
  fi
}

inline Collect(i) {
  CheckLife(i);
  if
#if MUTATE == 6
  :: cells[i] != copied[SLOT(i, valid[i])] ->
#else
  :: is_last[i] || cells[i] != copied[SLOT(i, valid[i])] ->
#endif
     tag[SLOT(i, 1 - valid[i])] = 0;
#if MUTATE == 1
     if
     :: is_last[i] -> copied[SLOT(i, 1 - valid[i])] = copied[SLOT(i, valid[i])]
     :: else -> copied[SLOT(i, 1 - valid[i])] = cells[i]
     fi;
#else
     copied[SLOT(i, 1 - valid[i])] = cells[i];
#endif
     is_final[SLOT(i, 1 - valid[i])] = is_last[i];
     delta = delta + copied[SLOT(i, 1 - valid[i])] - copied[SLOT(i, valid[i])];
     in_commit[i] = true;
     is_any = true
  :: else -> skip
  fi
}

inline Commit() {
  for (s : 0 .. SEGMENTS - 1) {
    if
    :: in_commit[s] -> tag[SLOT(s, 1 - valid[s])] = committed + 1; MAY_BE_KILLED
    :: else -> skip
    fi
  }
#if MUTATE == 3
  committed = committed + 1;
  MAY_BE_KILLED;
  d_step { spool_position = committed; delivered = delivered + delta }
#else
  if
  :: agent_kills < AGENT_KILLS -> goto postponed  /* the spool takes nothing: Untag, Abandon */
  :: true -> d_step { spool_position = committed + 1; delivered = delivered + delta }
  fi;
  MAY_BE_KILLED;
  committed = spool_position;
#endif
  d_step {
    for (s : 0 .. SEGMENTS - 1) {
      if
      :: in_commit[s] ->
         valid[s] = 1 - valid[s];
         is_done[s] = is_last[s]
      :: else -> skip
      fi
    }
  }
  MAY_BE_KILLED
}

inline RemoveDone() {
  for (s : 0 .. SEGMENTS - 1) {
    if
    :: is_attached[s] && is_done[s] ->
#if MUTATE == 2
       has_baseline[s] = false;
       MAY_BE_KILLED;
       is_linked[s] = false;
#else
       is_linked[s] = false;
       MAY_BE_KILLED;
       has_baseline[s] = false;
#endif
       MAY_BE_KILLED;
       is_attached[s] = false
    :: else -> skip
    fi
  }
}

active proctype Agent() {
  byte s, delta;
  bool is_any;
start:
  skip;
  Forget();
  /* Recover */
  for (s : 0 .. SEGMENTS - 1) {
    if
    :: has_baseline[s] && !is_linked[s] -> has_baseline[s] = false
    :: else -> skip
    fi
  }
  if
  :: spool_position == committed + 1 -> committed = spool_position
  :: else -> skip
  fi;
  do
  :: /* an interval */
     for (s : 0 .. SEGMENTS - 1) {
       if
       :: is_linked[s] && !is_attached[s] -> Attach(s)
       :: else -> skip
       fi
     }
     skip;
     d_step { delta = 0; is_any = false; in_commit[0] = false; in_commit[1] = false }
     for (s : 0 .. SEGMENTS - 1) {
       if
       :: is_attached[s] && !is_done[s] -> Collect(s)
       :: else -> skip
       fi
     }
     if
     :: is_any -> Commit()
     :: else -> skip
     fi;
     RemoveDone();
     if
     :: !worker_lives && !is_linked[0] && !is_linked[1] -> break
     :: else -> skip
     fi;
     goto next;
postponed:
     agent_kills++;
     d_step {
       for (s : 0 .. SEGMENTS - 1) {
         if
         :: in_commit[s] -> tag[SLOT(s, 1 - valid[s])] = 0
         :: else -> skip
         fi
       }
       s = 0
     }
next:
     skip
  od;
  assert(delivered == recorded && lost == 0);
  assert(!has_baseline[0] && !has_baseline[1]);
  is_over = true;
#ifdef REACH
  assert(false)
#endif
}

/* With every process given its turn, it all comes to an end. */
ltl comes_to_an_end { <> is_over }
