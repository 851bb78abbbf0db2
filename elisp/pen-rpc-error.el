;;; pen-rpc-error.el --- What pen says when something goes wrong -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; One condition for each kind of error, all below `pen-error', with the names
;; that Python and the wire have: kind `data', DataError, `pen-data-error'.  An
;; error is a list (CONDITION MESSAGE PLIST), as `condition-case' has it; PLIST
;; has :kind :message :hint :where :log.

;;; Code:

(eval-when-compile (require 'pcase))
(require 'pen-place)

;;;; Errors

(eval-and-compile
  (defconst pen-rpc--kinds
    '(bad-params not-found config prompt data too-large auth upstream busy
      version internal connection-lost start job cancelled refused deadline)
    "Every kind of error; `data' is the condition `pen-data-error'."))

(define-error 'pen-error "Pen")

(defmacro pen-rpc--define-errors ()
  "Define a condition for each kind of error."
  `(progn
     ,@(mapcar (lambda (kind)
                 `(define-error ',(intern (format "pen-%s-error" kind))
                    ,(format "Pen (%s)" kind) 'pen-error))
               pen-rpc--kinds)))
(pen-rpc--define-errors)

(defun pen-rpc-error (plist)
  "Return the condition that the error PLIST describes, ready for `signal'."
  (let ((kind (plist-get plist :kind)))
    (list (if (memq kind pen-rpc--kinds)
              (intern-soft (format "pen-%s-error" kind))
            'pen-error)
          (or (plist-get plist :message) "The service failed without a word.")
          plist)))

(defun pen-rpc--error (kind message &optional hint)
  "Return the condition of an error of KIND made here: MESSAGE and HINT."
  (pen-rpc-error (list :kind kind :message message :hint hint)))

(defun pen-rpc-signal (plist)
  "Signal the condition that the error PLIST describes."
  (let ((condition (pen-rpc-error plist)))
    (signal (car condition) (cdr condition))))

(defun pen-rpc-error-plist (err)
  "Return the fields of the condition ERR as an `error' event has them."
  (pcase err
    (`(,_ ,(and (pred stringp) message) ,(and (pred listp) plist))
     (append plist (list :message message)))
    (`(wrong-type-argument pen-rpc-value-p ,(and (pred stringp) text))
     (list :kind 'data :message (pen-rpc--raw-bytes text)
           :hint "Remove them, or, in a buffer, read its file as what it is: C-x RET r."))
    (_ (list :kind 'internal :message (error-message-string err)))))

(defun pen-rpc--raw-bytes (text)
  "Say that TEXT has bytes that are no characters, and where the first is."
  (let ((place (string-match-p "[\x3fff80-\x3fffff]" (string-to-multibyte text))))
    (format "The text \"%s\" has bytes that are no characters."
            (substring-no-properties text (max 0 (- place 20)) (min (length text) (+ place 20))))))

(defun pen-rpc-sentence (plist)
  "Return the error or finding PLIST as one line: place, sentence, advice."
  (let ((where (plist-get plist :where))
        (message (or (plist-get plist :message) "The backend failed."))
        (hint (plist-get plist :hint)))
    (replace-regexp-in-string
     "[ \t]*\n[ \t\n]*" " "
     (concat (and where (not (string-match-p (regexp-quote where) message))
                  (concat where ": "))
             (pen-rpc-advised message hint)))))

(defun pen-rpc-advised (message hint)
  "Return MESSAGE with HINT, what to do, as two sentences or two halves of one."
  (let ((case-fold-search nil))
    (cond ((member hint '(nil "")) message)
          ((string-match-p "[.!?]\\'" message)
           (concat message " " (upcase (substring hint 0 1)) (substring hint 1)))
          ((string-match-p "\\`[[:upper:]]" hint) (concat message ". " hint))
          (t (concat message "; " hint)))))

;;;; The log

(defun pen-rpc-log (format &rest args)
  "Append a line to the log buffer: FORMAT with ARGS."
  (with-current-buffer (get-buffer-create "*pen-log*")
    (let ((inhibit-read-only t))
      (save-excursion
        (goto-char (point-max))
        (insert (format-time-string "%H:%M:%S ")
                (apply #'format-message format args) "\n")
        (when (> (line-number-at-pos) 1000)
          (goto-char (point-min))
          (forward-line 200)
          (delete-region (point-min) (point)))))))

(defun pen-rpc--guard (function &rest args)
  "Call FUNCTION with ARGS; an error is logged, for others wait behind it."
  (condition-case err
      (apply function args)
    ((error quit)
     (pen-rpc-log "A callback failed: %s" (error-message-string err))
     nil)))

(defconst pen-rpc--again-seconds 2.5
  "Seconds after which a sentence that was wiped away is shown again.")

(defun pen-rpc-tell (plist)
  "Show the error PLIST in the echo area, and log it, unless somebody cancelled.
The log has its line in the service's log, too, if it has one."
  (unless (eq (plist-get plist :kind) 'cancelled)
    (let ((sentence (pen-rpc-sentence plist))
          (line (plist-get plist :log)))
      (pen-rpc-log "%s: %s%s" (plist-get plist :kind) sentence
                   (if line (format " (line %d of the service's log)" line) ""))
      (pen-rpc--link-place (plist-get plist :where))
      (pen-rpc-show sentence))))

(defun pen-rpc--link-place (where)
  "Make WHERE, if it is a line of a file, a link in the log's last line."
  (pcase (pen-place-parts where)
    ((and `(,file ,line ,column)
          (guard (and (file-name-absolute-p file)
                      (not (file-remote-p file))
                      (file-exists-p file))))
     (with-current-buffer "*pen-log*"
       (save-excursion
         (goto-char (point-max))
         (when (search-backward where (line-beginning-position 0) t)
           (let ((inhibit-read-only t))
             (make-text-button (match-beginning 0) (match-end 0)
                               'help-echo "RET visits it"
                               'action (lambda (_)
                                         (pen-rpc--visit file line (or column 1)))))))))))

(defun pen-rpc--visit (file line column)
  "Show FILE in another window, at LINE and COLUMN, which count from 1."
  (find-file-other-window file)
  (widen)
  (goto-char (point-min))
  (forward-line (1- line))
  (move-to-column (1- column)))

(defun pen-rpc-show (sentence)
  "Show SENTENCE in the echo area, once more if something else wipes it away.
\\[execute-extended-command] does, when it takes back what it says of shorter keys."
  (message "%s" sentence)
  (unless noninteractive
    (run-at-time pen-rpc--again-seconds nil
                 #'pen-rpc--show-again sentence num-nonmacro-input-events)))

(defun pen-rpc--show-again (sentence events)
  "Show SENTENCE again if it is gone, though nobody pressed a key.
EVENTS is the number of keys that had been pressed when it was shown."
  (when (and (eql events num-nonmacro-input-events)
             (not (current-message)))
    (let ((message-log-max nil))
      (message "%s" sentence))))

(defun pen-rpc-report (err)
  "Show the condition ERR in the echo area as `pen-rpc-tell' does."
  (pen-rpc-tell (pen-rpc-error-plist err)))

(defun pen-rpc-for-person (function &rest arguments)
  "Return what FUNCTION does of ARGUMENTS, for a command that a person gave.
An error of ours, which Lisp takes apart, is a `user-error' then: one sentence."
  (condition-case err
      (apply function arguments)
    (pen-error (user-error "%s" (pen-rpc-sentence (pen-rpc-error-plist err))))))

(provide 'pen-rpc-error)
;;; pen-rpc-error.el ends here
