;;; pen-rpc-events.el --- Hand out the events of requests, in order -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A streaming method answers with an id; its events follow.  They are queued
;; as they come and handed out when the frame reader has nothing else to do, so
;; that a function that waits does not see them out of order.

;;; Code:

(eval-when-compile
  (require 'cl-lib)
  (require 'pcase))
(require 'pen-rpc-error)

(defconst pen-rpc--early-events 64 "Events kept for an id nobody follows yet.")
(defconst pen-rpc--early-seconds 10 "Seconds they are kept.")

(defvar pen-rpc--followed (make-hash-table :test #'equal)
  "Id of a request to its `pen-rpc--request'.")
(defvar pen-rpc--moved (make-hash-table :test #'equal)
  "Id that a subscription had with a service that died, to its request.")
(defvar pen-rpc--events nil "Events to deliver next, oldest first.")
(defvar pen-rpc--arrived nil "Events to deliver after those, newest first.")
(defvar pen-rpc--reading nil "Non-nil while frames are being dispatched.")
(defvar pen-rpc--delivering nil "Non-nil while a function runs for an event.")

(cl-defstruct (pen-rpc--request (:copier nil)
                               (:constructor pen-rpc--request-make))
  "A request's FUNCTION, nil until somebody follows it.
NEXT is the number of its next event, EARLY the events that nobody
took yet, newest first, TEXTS its text by candidate, BORN its birth.
A subscription has the METHOD and ARGUMENTS that make it, its id NOW,
and SINCE, the last event that it told."
  function (next 0) early texts (born (float-time)) method arguments now since)

(defun pen-rpc-delivering-p ()
  "Return non-nil in a function that takes an event: no other is delivered then."
  pen-rpc--delivering)

(defun pen-rpc-on-event (id function)
  "Have FUNCTION called with (KIND PLIST) for each event of the request ID.
Events that came earlier come first; after `done' or `error' it is forgotten."
  (let* ((request (or (gethash id pen-rpc--followed)
                      (puthash id (pen-rpc--request-make) pen-rpc--followed)))
         (early (pen-rpc--request-early request)))
    (setf (pen-rpc--request-function request) function
          (pen-rpc--request-early request) nil)
    (when early
      (setq pen-rpc--events (append (nreverse early) pen-rpc--events))
      (unless pen-rpc--reading
        (run-at-time 0 nil #'pen-rpc--deliver)))
    nil))

(defun pen-rpc--queue (id sequence kind plist)
  "Queue the event KIND with PLIST, number SEQUENCE of request ID.
A SEQUENCE of nil is the next one; any other than the next is an error."
  (let ((request (gethash id pen-rpc--followed)))
    (unless request
      (pen-rpc--forget-early)
      (setq request (puthash id (pen-rpc--request-make) pen-rpc--followed)))
    (when (and sequence (/= sequence (pen-rpc--request-next request)))
      (setq kind 'error
            plist (pen-rpc--lost-events request)))
    (cl-incf (pen-rpc--request-next request))
    (if (pen-rpc--request-function request)
        (push (list id kind plist) pen-rpc--arrived)
      (pen-rpc--keep-early request (list id kind plist)))))

(defun pen-rpc--keep-early (request event)
  "Keep EVENT of REQUEST until somebody follows it.
The first that does not fit becomes an error in their place: who
follows it later must not wait for an end that was dropped."
  (let ((count (length (pen-rpc--request-early request))))
    (cond
     ((< count pen-rpc--early-events)
      (push event (pen-rpc--request-early request)))
     ((= count pen-rpc--early-events)
      (push (list (car event) 'error (pen-rpc--lost-events request))
            (pen-rpc--request-early request))))))

(defun pen-rpc--lost-events (request)
  "Return what is told to who follows REQUEST when an event of it is missing."
  (list :kind 'internal :message "Some of the events were lost."
        :partial (pen-rpc--partial request)))

(defun pen-rpc--forget-early ()
  "Drop what came for ids that nobody followed in time."
  (let ((old (- (float-time) pen-rpc--early-seconds)))
    (maphash (lambda (id request)
               (when (and (null (pen-rpc--request-function request))
                          (< (pen-rpc--request-born request) old))
                 (remhash id pen-rpc--followed)))
             pen-rpc--followed)))

(defun pen-rpc--forget-moved (request)
  "Forget the ids that REQUEST had with services that died."
  (maphash (lambda (id other)
             (when (eq other request)
               (remhash id pen-rpc--moved)))
           pen-rpc--moved))

(defvar pen-rpc--cancel-function #'ignore
  "Stops the request whose id it gets; the client sets it.")

(defun pen-rpc--take-event ()
  "Return the next event, nil if there is none."
  (unless pen-rpc--events
    (setq pen-rpc--events (nreverse pen-rpc--arrived)
          pen-rpc--arrived nil))
  (pop pen-rpc--events))

(defun pen-rpc--deliver ()
  "Hand out the queued events, in order; within a nested wait do nothing."
  (unless pen-rpc--delivering
    (let ((pen-rpc--delivering t)
          (event nil))
      (while (setq event (pen-rpc--take-event))
        (pcase-let* ((`(,id ,kind ,plist) event)
                     (request (gethash id pen-rpc--followed)))
          (when request
            (if (memq kind '(done error))
                (progn
                  (remhash id pen-rpc--followed)
                  (pen-rpc--forget-moved request))
              (pen-rpc--keep-text request kind plist))
            (when (eq (pen-rpc--guard (pen-rpc--request-function request) kind plist)
                      'pen-rpc-gone)
              (setf (pen-rpc--request-function request) #'ignore)
              (funcall pen-rpc--cancel-function id))))))))

(defun pen-rpc--keep-text (request kind plist)
  "Remember in REQUEST what the event KIND with PLIST told: the service may die."
  (when (eq kind 'delta)
    (push (plist-get plist :text)
          (alist-get (plist-get plist :index) (pen-rpc--request-texts request))))
  (when (pen-rpc--request-method request)
    (setf (pen-rpc--request-since request)
          (or (plist-get plist :event) (pen-rpc--request-since request)))))

(defun pen-rpc--partial (request)
  "Return the text that REQUEST has produced, nil if none."
  (when (pen-rpc--request-texts request)
    (mapconcat (lambda (one) (apply #'concat (reverse (cdr one))))
               (sort (copy-sequence (pen-rpc--request-texts request))
                     (lambda (one other) (< (car one) (car other))))
               "\n")))

(defun pen-rpc-in-buffer (buffer function)
  "Return FUNCTION wrapped to run in BUFFER, or not at all if it was killed.
A request whose events go there is then cancelled."
  (lambda (&rest args)
    (if (buffer-live-p buffer)
        (with-current-buffer buffer
          (apply function args))
      'pen-rpc-gone)))

(provide 'pen-rpc-events)
;;; pen-rpc-events.el ends here
