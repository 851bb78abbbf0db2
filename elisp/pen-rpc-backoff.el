;;; pen-rpc-backoff.el --- When a service that died may start again -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A service that dies at once would otherwise be started for ever.  After a
;; death it starts again when 0.5 s have passed, after the next one within a
;; minute 2 s, then 8 s, and then not any more until somebody asks.

;;; Code:

(eval-when-compile (require 'cl-lib)) ; seq would be the link's slowest part to load

(defvar pen-rpc-restart-delays '(0.5 2 8)
  "Seconds between a death and the next start, for each start within a minute.
There are no more starts within that minute than there are delays.")

(defconst pen-rpc--restart-window 60 "Seconds that a start again counts.")

(defvar pen-rpc--restarts nil "When the service was started again, newest first.")
(defvar pen-rpc--died nil "When the service died, nil if it did not.")

(defun pen-rpc--note-death ()
  "Remember that now was a death."
  (setq pen-rpc--died (float-time)))

(defun pen-rpc--note-start ()
  "Remember that now is a start."
  (when pen-rpc--died
    (push (float-time) pen-rpc--restarts)
    (setq pen-rpc--died nil)))

(defun pen-rpc--forget-deaths ()
  "Start afresh: somebody has asked for it."
  (setq pen-rpc--restarts nil
        pen-rpc--died nil))

(defun pen-rpc--start-wait ()
  "Return how many seconds a start has to wait, nil if there shall be none."
  (if (null pen-rpc--died)
      0
    (let* ((now (float-time))
           (recent (cl-loop for start in pen-rpc--restarts
                            when (< (- now start) pen-rpc--restart-window) collect start))
           (delay (nth (length recent) pen-rpc-restart-delays)))
      (setq pen-rpc--restarts recent)
      (and delay (max 0 (- (+ pen-rpc--died delay) now))))))

(provide 'pen-rpc-backoff)
;;; pen-rpc-backoff.el ends here
