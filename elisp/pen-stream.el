;;; pen-stream.el --- Follow a streaming method, or wait for its end -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A streaming method answers with an id and then pushes events.  A
;; `pen-stream' hides the gap between the two: it can be cancelled before its
;; id is known, a call that fails ends as an `error' event like any other, and
;; after the end or a cancel nothing is delivered any more.

;;; Code:

(require 'cl-lib)
(require 'pen-project)
(require 'pen-rpc)

;;;; Internal variables

(cl-defstruct (pen-stream (:constructor pen-stream--make) (:copier nil))
  "A running method: its ID once known, FUNCTION for its events."
  id function closed)

;;;; Functions

(defun pen-stream-start (method args function)
  "Call the streaming stub METHOD with ARGS; FUNCTION gets (KIND PLIST).
Return the stream."
  (let ((stream (pen-stream--make :function (pen-project-keep function))))
    (apply method
           :then (lambda (id) (pen-stream--opened stream id))
           :else (lambda (err) (pen-stream--deliver
                                stream 'error (pen-rpc-error-plist err)))
           args)
    stream))

(defun pen-stream--opened (stream id)
  "Note the ID of STREAM; stop it if nobody wants it any more."
  (setf (pen-stream-id stream) id)
  (if (pen-stream-closed stream)
      (pen-rpc-cancel id)
    (pen-rpc-on-event id (lambda (kind plist)
                           (pen-stream--deliver stream kind plist)))))

(defun pen-stream--deliver (stream kind plist)
  "Hand KIND and PLIST to the function of STREAM while it is open."
  (unless (pen-stream-closed stream)
    (when (memq kind '(done error))
      (setf (pen-stream-closed stream) t))
    (funcall (pen-stream-function stream) kind plist)))

(defun pen-stream-cancel (stream)
  "Stop STREAM; return non-nil if it was still running."
  (unless (pen-stream-closed stream)
    (setf (pen-stream-closed stream) t)
    (when (pen-stream-id stream)
      (pen-rpc-cancel (pen-stream-id stream)))
    t))

(defun pen-stream-wait (method args deadline &optional function)
  "Call the streaming stub METHOD with ARGS and return the value of its end.
Signal its error, or `pen-deadline-error' after DEADLINE seconds
\(nil: none).  FUNCTION gets (KIND PLIST) of the events before the end."
  (when (pen-rpc-delivering-p)           ; nothing is delivered before it returns
    (error "A function that takes events must not wait for %s" method))
  (let* ((end nil)
         (until (and deadline (+ (float-time) deadline)))
         (stream (pen-stream-start
                  method args
                  (lambda (kind plist)
                    (cond ((memq kind '(done error)) (setq end (cons kind plist)))
                          (function (funcall function kind plist)))))))
    (unwind-protect
        (while (not end)
          (when (and until (> (float-time) until))
            (pen-rpc-signal (list :kind 'deadline
                                  :message (format "No answer came within %s seconds."
                                                   deadline))))
          (accept-process-output nil 0.05))
      (pen-stream-cancel stream))
    (pen-stream--value (car end) (cdr end))))

(defun pen-stream--value (kind plist)
  "Return the value of the terminal event KIND with PLIST, or signal its error."
  (let ((value (plist-get plist :value)))
    (cond ((eq kind 'error)
           (pen-rpc-signal plist))
          ((and (not value) (eq (plist-get plist :reason) 'cancelled))
           (pen-rpc-signal '(:kind cancelled :message "Somebody stopped the request.")))
          (t value))))

(provide 'pen-stream)
;;; pen-stream.el ends here
