//! What stand-ins share: the conversations that are going on, and a trap that
//! springs at a named point of one of them.

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use super::{DEADLINE, poll};

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Somebody has connected, and nothing was read yet.
    Connected,
    /// So much of a request is read: bytes of HTTP, lines of SMTP.
    Partly(usize),
    /// It is taken, and nothing is answered yet.
    Taken,
    /// The answer has left.
    Answered,
}

type Act = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    open: Mutex<(u64, Vec<(u64, TcpStream)>)>,
    trap: Mutex<Option<(Point, Act)>>,
}

/// The conversations of one stand-in.
#[derive(Clone, Default)]
pub struct Talks(Arc<State>);

impl Talks {
    /// One has begun; it goes on until what is returned is dropped.
    pub fn begin(&self, stream: &TcpStream) -> Talk {
        let mut open = self.0.open.lock().unwrap();
        open.0 += 1;
        let id = open.0;
        open.1.push((id, stream.try_clone().unwrap()));
        Talk {
            talks: self.clone(),
            id,
        }
    }

    /// Does `act` once when a conversation reaches `point`, which is its end
    /// unless it has been answered.
    pub fn trap(&self, point: Point, act: impl FnOnce() + Send + 'static) {
        *self.0.trap.lock().unwrap() = Some((point, Box::new(act)));
    }

    /// Takes the trap away. Afterwards it springs no more, and is not springing.
    pub fn disarm(&self) {
        self.0.trap.lock().unwrap().take();
    }

    /// A conversation is at `point`: whether the trap has sprung there.
    pub fn reaches(&self, point: Point) -> bool {
        // held while it acts, so that `disarm` waits for it
        let mut trap = self.0.trap.lock().unwrap();
        if trap.as_ref().is_none_or(|(set, _)| *set != point) {
            return false;
        }
        if let Some((_, act)) = trap.take() {
            act();
        }
        true
    }

    /// How much of a request is to be read before the trap springs, if it is
    /// one that springs within it.
    pub fn partly(&self) -> Option<usize> {
        match self.0.trap.lock().unwrap().as_ref() {
            Some((Point::Partly(count), _)) => Some(*count),
            _ => None,
        }
    }

    /// Closes every connection, and waits until what had been said by then is heard.
    pub fn hang_up(&self) {
        let closed: Vec<u64> = self.open_now(|stream| drop(stream.shutdown(Shutdown::Both)));
        let over = || {
            let open = self.open_now(|_| ());
            open.iter().all(|id| !closed.contains(id)).then_some(())
        };
        poll(DEADLINE, over).expect("conversations whose connection is closed end");
    }

    /// The conversations that are going on, with something done to each.
    fn open_now(&self, act: impl Fn(&TcpStream)) -> Vec<u64> {
        let open = self.0.open.lock().unwrap();
        open.1
            .iter()
            .map(|(id, stream)| {
                act(stream);
                *id
            })
            .collect()
    }

    /// Waits until everything that others, who are gone, have said at `address` is heard.
    pub fn finish(&self, address: SocketAddr) {
        // connections are taken in their order: when this one is over, those
        // before it are being served
        let mut last = TcpStream::connect(address).unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        let _ = last.read_to_end(&mut Vec::new());
        let over = || self.0.open.lock().unwrap().1.is_empty().then_some(());
        poll(DEADLINE, over).expect("conversations with somebody who is gone end");
    }
}

/// A conversation that is going on.
pub struct Talk {
    talks: Talks,
    id: u64,
}

impl Drop for Talk {
    fn drop(&mut self) {
        let mut open = self.talks.0.open.lock().unwrap();
        open.1.retain(|(id, _)| *id != self.id);
    }
}
