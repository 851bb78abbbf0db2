;;; pen-answer-activity.el --- What the mode line says of requests -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Screens and org blocks tell here how far their requests are; `pen-mode' shows
;; `pen-answer-activity', which changes with an event and never by a timer.

;;; Code:

;;;; Internal variables

(defvar pen-answer-activity nil
  "How far the newest running request is, :3/5, or nil.")

(defvar pen-answer-activity--running nil
  "Requests that run, newest first: lists (REQUEST BEGUN EXPECTED).")

;;;; Functions

(defun pen-answer-activity-note (request begun expected)
  "Tell that of REQUEST, any object, so many texts are BEGUN, of those EXPECTED.
EXPECTED is nil as long as nobody knows."
  (let ((known (assq request pen-answer-activity--running)))
    (if known
        (setcdr known (list begun expected))
      (push (list request begun expected) pen-answer-activity--running)))
  (pen-answer-activity--show))

(defun pen-answer-activity-forget (request)
  "Tell that REQUEST has ended."
  (setq pen-answer-activity--running (assq-delete-all request pen-answer-activity--running))
  (pen-answer-activity--show))

(defun pen-answer-activity--show ()
  "Say in the mode line how far the newest request is."
  (let ((text (pcase (car pen-answer-activity--running)
                ('nil nil)
                (`(,_ ,_ nil) ":…")
                (`(,_ ,begun ,expected) (format ":%d/%d" begun (max begun expected))))))
    (unless (equal text pen-answer-activity)
      (setq pen-answer-activity text)
      (force-mode-line-update t))))

(provide 'pen-answer-activity)
;;; pen-answer-activity.el ends here
