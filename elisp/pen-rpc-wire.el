;;; pen-rpc-wire.el --- What the service's bytes mean -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; How what comes on the service's pipe becomes messages, and messages become
;; answers to calls and events of requests.

;;; Code:

(eval-when-compile (require 'pcase))
(require 'pen-rpc-error)
(require 'pen-rpc-events)

(defvar pen-rpc--process nil "The service, or nil.")
(defvar pen-rpc--reader nil "Multibyte buffer a frame is decoded into.")
(defvar pen-rpc--need 6 "Bytes that must be there before it pays to look.")
(defvar pen-rpc--pending (make-hash-table) "Number of a call to (THEN . ELSE).")

(defvar pen-rpc--out-of-step-function #'ignore
  "Gives up the process it gets, with what that sent; pen-rpc-process sets it.")

(autoload 'pen-key-send "pen-key")

(defun pen-rpc--filter (process chunk)
  "Take the bytes CHUNK of PROCESS and dispatch the frames that are whole."
  (when (and (eq process pen-rpc--process) (buffer-live-p (process-buffer process)))
    (let ((outermost (not pen-rpc--reading))
          (pen-rpc--reading t)
          (message (pen-rpc--short-message process chunk)))
      (if message
          (pen-rpc--dispatch message)
        (with-current-buffer (process-buffer process)
          (goto-char (point-max))
          (insert chunk))
        (while (setq message (pen-rpc--next-message process))
          (pen-rpc--dispatch message)))
      (when outermost
        (pen-rpc--deliver)))))

(defun pen-rpc--short-message (process chunk)
  "Return the message of PROCESS that CHUNK is, if it is one whole ASCII message.
Most answers are, and their way through two buffers would take twice as long."
  (let ((length (length chunk)))
    (and (< 7 length 4000)
         (zerop (buffer-size (process-buffer process)))
         (string-match-p "\\`[0-9a-f]\\{6\\}[[:ascii:]]+\n\\'" chunk)
         (= (- length 6) (string-to-number (substring chunk 0 6) 16))
         (ignore-errors (car (read-from-string chunk 6))))))

(defun pen-rpc--next-message (process)
  "Take the next whole message out of the buffer of PROCESS, nil if there is none."
  (when (and (eq process pen-rpc--process) (buffer-live-p (process-buffer process)))
    (with-current-buffer (process-buffer process)
      (when (>= (buffer-size) pen-rpc--need)
        (goto-char (point-min))
        (let ((end (and (looking-at "[0-9a-f]\\{6\\}")
                        (+ 7 (string-to-number (match-string 0) 16)))))
          (cond
           ((or (null end)
                (and (> (point-max) (1- end)) (/= (char-after (1- end)) ?\n)))
            (funcall pen-rpc--out-of-step-function process
                     (buffer-substring (point-min) (min (point-max) 60)))
            nil)
           ((< (point-max) end)
            (setq pen-rpc--need (1- end))
            nil)
           (t
            (setq pen-rpc--need 6)
            (prog1 (pen-rpc--read 7 end)
              (delete-region (point-min) end)))))))))

(defun pen-rpc--read (beg end)
  "Read the message between BEG and END; an empty message if it cannot be read."
  (with-current-buffer pen-rpc--reader
    (erase-buffer))
  (decode-coding-region beg end 'utf-8-unix pen-rpc--reader)
  (with-current-buffer pen-rpc--reader
    (goto-char (point-min))
    (condition-case err
        (read (current-buffer))
      (error
       (pen-rpc-log "A message cannot be read: %s" (error-message-string err))
       '(unreadable)))))

(defun pen-rpc--dispatch (message)
  "Act on MESSAGE; answers at once, events when the outermost dispatch is done."
  (pcase message
    (`(return ,uid ,value)
     (pen-rpc--answer uid #'car value))
    (`(,(or 'return-error 'epc-error) ,uid (pen-error ,plist))
     (pen-rpc--answer uid #'cdr (pen-rpc-error plist)))
    (`(call ,_ pen-event (,_ ,_ key (:host ,host)))
     (run-at-time 0 nil #'pen-key-send host)) ; it may ask for a passphrase
    (`(call ,_ pen-event (,id ,sequence ,kind ,plist))
     (pen-rpc--queue id sequence kind plist))
    (_ (pen-rpc-log "The service sent an unknown message: %s" (car-safe message)))))

(defun pen-rpc--answer (uid choose value)
  "Hand VALUE to the function that CHOOSE takes from the entry of call UID."
  (let ((entry (gethash uid pen-rpc--pending)))
    (if (null entry)
        (unless (integerp uid)
          (pen-rpc-report value))
      (remhash uid pen-rpc--pending)
      (pen-rpc--guard (funcall choose entry) value))))

(provide 'pen-rpc-wire)
;;; pen-rpc-wire.el ends here
